/** Decoding images to Pillow's bytes. A bad image is data, not an error: it has a reason. */
#ifndef AC_IO_IMAGE_DECODE_H
#define AC_IO_IMAGE_DECODE_H

#include <stddef.h>

#include "engine/base/buffer.h"
#include "engine/image/image.h"

typedef enum ac_reject_reason {
    AC_GOOD = 0,
    AC_REJECT_UNREADABLE,
    AC_REJECT_EMPTY,
    AC_REJECT_UNSUPPORTED_FORMAT,
    AC_REJECT_TRUNCATED,
    AC_REJECT_CORRUPT,
    AC_REJECT_TOO_LARGE,
    AC_REJECT_DUPLICATE_KEY,
    AC_REJECT_NOT_FINITE,
    AC_REJECT_CRASHED,
    AC_REJECT_NO_CAPTION,
    AC_REJECT_CAPTION_NOT_UTF8
} ac_reject_reason;

/** The names of bad_items.jsonl: "unreadable" and so on. */
const char *ac_reject_reason_name(ac_reject_reason reason);

enum { AC_REJECT_DETAIL_BYTES = 200 };

/** What a decoder says of an image. */
typedef struct ac_item_status {
    ac_reject_reason reason;
    char detail[AC_REJECT_DETAIL_BYTES];
} ac_item_status;

/** reason and a printf-like detail. Returns AC_OK: a item_status is no failure. */
ac_status ac_item_status_set(ac_item_status *self, ac_reject_reason reason, const char *format,
                             ...) __attribute__((format(printf, 3, 4)));

/**
 * Decode n bytes, whatever their file was called. A failure status is only for memory.
 * @param[out] out      the caller's to free where *item_status is AC_GOOD; empty otherwise
 * @param[in] max_pixels  width × height beyond it: too_large, before anything is allocated
 */
AC_MUST_CHECK ac_status ac_image_decode(ac_image *out, const void *bytes, size_t n,
                                        int64_t max_pixels, ac_item_status *item_status);

/** Read a regular file and decode it. */
AC_MUST_CHECK ac_status ac_image_read_file(ac_image *out, const char *path, int64_t max_pixels,
                                           ac_item_status *item_status);

/** rgb [S, S, 3] as a JPEG, appended. Equal pixels give equal bytes. */
AC_MUST_CHECK ac_status ac_image_thumbnail_jpeg(ac_buffer *out, const uint8_t *rgb, int64_t S,
                                                int quality);

#endif
