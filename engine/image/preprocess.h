/** Image -> CLIP's input: Pillow's resize, centre crop, RGB, as a recipe says. Golden: topics
 * preprocess, clip_variants. */
#ifndef AC_ENGINE_IMAGE_PREPROCESS_H
#define AC_ENGINE_IMAGE_PREPROCESS_H

#include "engine/image/image.h"
#include "engine/image/recipe.h"
#include "engine/image/resize.h"

/** Memory reused between images; one per thread. Starts zeroed. */
typedef struct ac_resizer {
    ac_taps horizontal, vertical;
    uint8_t *first, *second, *source;
    int64_t first_capacity, second_capacity, source_capacity;
} ac_resizer;

void ac_resizer_free(ac_resizer *self);

/**
 * Resize and cut as the recipe says. Modes P and 1 are resized by nearest neighbour whatever
 * the filter. Only what survives the crop is computed. Shapes: rgb [S, S, 3], S = recipe->size.
 * Passes: horizontal first, but vertical first when the height shrinks by more than twice what
 * the width does (with the aspect kept: when shrinking an image with H > 2 W).
 */
AC_MUST_CHECK ac_status ac_image_preprocess(uint8_t *rgb, const ac_image *image,
                                            const ac_preprocess_recipe *recipe,
                                            ac_resizer *resizer);

/** Pixels of an image: rows [top, top + rows), of them columns [left, left + columns). */
typedef struct ac_image_area {
    int64_t left, top, columns, rows;
} ac_image_area;

/** The pixels of an image of width × height that ac_image_preprocess looks at, where it does
 * not convert the image before it resizes it; perhaps a few more. */
ac_image_area ac_preprocess_area(int64_t width, int64_t height,
                                 const ac_preprocess_recipe *recipe);

/** ac_image_preprocess by OpenAI's recipe for models of image size S. */
AC_MUST_CHECK ac_status ac_image_clip_resize(uint8_t *rgb, const ac_image *image, int64_t S,
                                             ac_resizer *resizer);

/** y [3, S, S] = (rgb × rescale - mean) / std, in fp32 (the product in double, rounded once).
 */
void ac_image_normalise(float *y, const uint8_t *rgb, const ac_preprocess_recipe *recipe);

#endif
