/** Image -> CLIP's input: Pillow's resize in the image's own mode, centre crop, RGB. Golden:
 * topic preprocess. */
#ifndef AC_ENGINE_IMAGE_PREPROCESS_H
#define AC_ENGINE_IMAGE_PREPROCESS_H

#include "engine/image/image.h"
#include "engine/image/resize.h"

/** Memory reused between images; one per thread. Starts zeroed. */
typedef struct ac_resizer {
    ac_taps horizontal, vertical;
    uint8_t *first, *second, *source;
    int64_t first_capacity, second_capacity, source_capacity;
} ac_resizer;

void ac_resizer_free(ac_resizer *self);

/**
 * Short side to S by antialiased bicubic (modes P and 1: nearest), centre crop, then RGB. Only
 * what survives the crop is computed. Shapes: rgb [S, S, 3]. Passes: horizontal first, but
 * vertical first when the height shrinks by more than twice what the width does (with the
 * aspect kept: when shrinking an image with H > 2 W).
 */
AC_MUST_CHECK ac_status ac_image_clip_resize(uint8_t *rgb, const ac_image *image, int64_t S,
                                             ac_resizer *resizer);

/** y [3, S, S] = (rgb / 255 - mean) / std, CLIP's mean and std, in fp32. */
void ac_image_normalise(float *y, const uint8_t *rgb, int64_t S);

#endif
