/** Decoding pictures to Pillow's bytes. A bad picture is data, not an error: it has a reason. */
#ifndef AC_IO_PICTURE_H
#define AC_IO_PICTURE_H

#include <stddef.h>

#include "engine/base/buffer.h"
#include "engine/image/picture.h"

typedef enum ac_bad_reason {
    AC_GOOD = 0,
    AC_BAD_UNREADABLE, AC_BAD_EMPTY, AC_BAD_UNSUPPORTED_FORMAT, AC_BAD_TRUNCATED, AC_BAD_CORRUPT, AC_BAD_TOO_LARGE,
    AC_BAD_DUPLICATE_KEY, AC_BAD_NOT_FINITE, AC_BAD_CRASHED,
    AC_BAD_NO_CAPTION, AC_BAD_CAPTION_NOT_UTF8
} ac_bad_reason;

/** The names of bad_items.jsonl: "unreadable" and so on. */
const char *ac_bad_reason_name(ac_bad_reason reason);

enum { AC_BAD_DETAIL_BYTES = 200 };

/** What a decoder says of a picture. */
typedef struct ac_verdict {
    ac_bad_reason reason;
    char detail[AC_BAD_DETAIL_BYTES];
} ac_verdict;

/** reason and a printf-like detail. Returns AC_OK: a verdict is no failure. */
ac_status ac_verdict_set(ac_verdict *self, ac_bad_reason reason, const char *format, ...) __attribute__((format(printf, 3, 4)));

/**
 * Decode n bytes, whatever their file was called. A failure status is only for memory.
 * @param[out] out      the caller's to free where *verdict is AC_GOOD; empty otherwise
 * @param[in] max_pixels  width × height beyond it: too_large, before anything is allocated
 */
ac_status ac_picture_decode(ac_picture *out, const void *bytes, size_t n, int64_t max_pixels, ac_verdict *verdict);

/** Read a regular file and decode it. */
ac_status ac_picture_read_file(ac_picture *out, const char *path, int64_t max_pixels, ac_verdict *verdict);

/** rgb [S, S, 3] as a JPEG, appended. Equal pixels give equal bytes. */
ac_status ac_picture_thumbnail_jpeg(ac_buffer *out, const uint8_t *rgb, int64_t S, int quality);

#endif
