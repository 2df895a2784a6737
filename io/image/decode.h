/** Decoding images to Pillow's bytes. A bad image is data, not an error: it has a reason. */
#ifndef AC_IO_IMAGE_DECODE_H
#define AC_IO_IMAGE_DECODE_H

#include <stddef.h>

#include "engine/base/buffer.h"
#include "engine/base/item_status.h"
#include "engine/image/image.h"

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
