/**
 * Training's crops: a square drawn at random, resized. torchvision's RandomResizedCrop with
 * scale (0.75, 1), ratio 1 and its default bilinear, antialiased, after conversion to RGB.
 * Golden: topic preprocess, crops.
 */
#ifndef AC_ENGINE_IMAGE_CROP_H
#define AC_ENGINE_IMAGE_CROP_H

#include "engine/image/preprocess.h"

/** In pixels of the image. */
typedef struct ac_crop {
    int64_t top, left, height, width;
} ac_crop;

/**
 * Draw a square of 0.75 to 1 times the image's area (rounded), anywhere in it; an image too
 * oblong for that (after ten tries) gives its central square. The random numbers are
 * counter-based: stream is the image's, `crop` counts its crops.
 */
ac_crop ac_crop_draw(int64_t width, int64_t height, uint64_t seed, uint64_t stream,
                     uint32_t crop);

/**
 * Convert to RGB, crop, resize to S × S: Pillow's bytes. The filter does not reach beyond the
 * crop. Shapes: rgb [S, S, 3]. The crop lies within the image (checked: a bug of the caller's).
 */
AC_MUST_CHECK ac_status ac_image_crop_resize(uint8_t *rgb, const ac_image *image,
                                             const ac_crop *crop, int64_t S,
                                             ac_resizer *resizer);

#endif
