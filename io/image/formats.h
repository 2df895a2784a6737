/** One decoder per format. Private to io. Contracts as ac_image_decode's. */
#ifndef AC_IO_IMAGE_FORMATS_H
#define AC_IO_IMAGE_FORMATS_H

#include "engine/base/item_status.h"
#include "engine/image/image.h"

AC_MUST_CHECK ac_status ac_jpeg_decode(ac_image *out, const unsigned char *bytes, size_t n,
                                       int64_t max_pixels, ac_item_status *item_status);
AC_MUST_CHECK ac_status ac_png_decode(ac_image *out, const unsigned char *bytes, size_t n,
                                      int64_t max_pixels, ac_item_status *item_status);
AC_MUST_CHECK ac_status ac_webp_decode(ac_image *out, const unsigned char *bytes, size_t n,
                                       int64_t max_pixels, ac_item_status *item_status);
AC_MUST_CHECK ac_status ac_bmp_decode(ac_image *out, const unsigned char *bytes, size_t n,
                                      int64_t max_pixels, ac_item_status *item_status);

/** Set mode and size and allocate the pixels; a size that is too large or zero becomes the
 * item_status. */
AC_MUST_CHECK ac_status ac_image_allocate(ac_image *out, ac_image_mode mode, int64_t width,
                                          int64_t height, int64_t max_pixels,
                                          ac_item_status *item_status);

#endif
