/** A decoded image in its own mode, as Pillow names them. */
#ifndef AC_IMAGE_IMAGE_H
#define AC_IMAGE_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/status.h"

typedef enum ac_image_mode {
    AC_MODE_1 = 0, /* one byte per pixel, 0 or 255 */
    AC_MODE_L,
    AC_MODE_LA,
    AC_MODE_P,
    AC_MODE_RGB,
    AC_MODE_RGBA,
    AC_MODE_YCBCR, /* JFIF's, not subsampled */
    AC_MODE_CMYK,  /* as Pillow keeps it: 255 is full ink */
    AC_MODE_I16,   /* 16-bit grey, native order */
    AC_MODE_I16B,  /* 16-bit grey, high byte first: Pillow resizes it as if it were low first */
    AC_MODE_I,     /* 32-bit signed grey */
    AC_MODE_F      /* grey as a float, not scaled: 0 is black, 255 is white */
} ac_image_mode;

/** Owns its pixels: row-major, channels interleaved. Starts zeroed. */
typedef struct ac_image {
    ac_image_mode mode;
    int64_t width, height;
    uint8_t *pixels;
    uint8_t palette[256][3]; /* mode P */
    int orientation;         /* EXIF's, 1 to 8: what is still to be applied. Where a format's
                                own turning always counts (TIFF, HEIC, JPEG XL) it is 1 */
} ac_image;

void ac_image_free(ac_image *self);

/**
 * Turn and mirror the pixels as `orientation` says (as Pillow's exif_transpose); it is 1
 * afterwards. 0 and 1: nothing to do. AC_E_NOMEM leaves the image as it was.
 */
AC_MUST_CHECK ac_status ac_image_orient(ac_image *self);

/** Channels of a mode (I16, I16B, I, F: 1), and bytes of a pixel. */
int ac_image_channels(ac_image_mode mode);
int ac_image_pixel_bytes(ac_image_mode mode);
/** Grey of more than 8 bits: I16, I16B, I, F. */
bool ac_image_mode_is_wide(ac_image_mode mode);
const char *ac_image_mode_name(ac_image_mode mode); /* "RGB", "I;16" */

/** n pixels [n, C] whose last channel is alpha and multiplied into the others: divided out
 * again, as Pillow does. */
void ac_image_divide_by_alpha(uint8_t *pixels, int64_t n, int C);

/** One pixel of JFIF's YCbCr to RGB, with Pillow's rounding. */
void ac_image_ycbcr_to_rgb(uint8_t rgb[3], const uint8_t ycc[3]);

/** n pixels of `mode` at x as RGB, Pillow's conversion: grey copied, palette looked up, alpha
 * dropped, 16 and 32 bits and floats clipped to 0 … 255 and cut to an integer. */
void ac_image_to_rgb(uint8_t *rgb, const void *x, int64_t n, ac_image_mode mode,
                     const uint8_t palette[256][3]);

#endif
