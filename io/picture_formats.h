/** One decoder a format. Private to io. Contracts as ac_picture_decode's. */
#ifndef AC_IO_PICTURE_FORMATS_H
#define AC_IO_PICTURE_FORMATS_H

#include "io/picture.h"

ac_status ac_jpeg_decode(ac_picture *out, const unsigned char *bytes, size_t n, int64_t max_pixels, ac_verdict *verdict);
ac_status ac_png_decode(ac_picture *out, const unsigned char *bytes, size_t n, int64_t max_pixels, ac_verdict *verdict);
ac_status ac_webp_decode(ac_picture *out, const unsigned char *bytes, size_t n, int64_t max_pixels, ac_verdict *verdict);
ac_status ac_bmp_decode(ac_picture *out, const unsigned char *bytes, size_t n, int64_t max_pixels, ac_verdict *verdict);

/** Set mode and size and allocate the pixels; a size that is too large or zero becomes the verdict. */
ac_status ac_picture_allocate(ac_picture *out, ac_picture_mode mode, int64_t width, int64_t height, int64_t max_pixels, ac_verdict *verdict);

#endif
