/**
 * What becomes of an image before CLIP's vision tower sees it, as the model's files say: the
 * size it is resized to, the filter, the crop, and how its bytes become numbers.
 * Sources: OpenAI's clip.load, transformers' CLIPImageProcessor (Pillow's backend), OpenCLIP's
 * image_transform. Golden: topics preprocess, clip_variants.
 */
#ifndef AC_ENGINE_IMAGE_RECIPE_H
#define AC_ENGINE_IMAGE_RECIPE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/buffer.h"

/** Pillow's numbers. */
typedef enum ac_resample {
    AC_RESAMPLE_NEAREST = 0,
    AC_RESAMPLE_LANCZOS,
    AC_RESAMPLE_BILINEAR,
    AC_RESAMPLE_BICUBIC,
    AC_RESAMPLE_BOX,
    AC_RESAMPLE_HAMMING
} ac_resample;

typedef enum ac_resize_rule {
    AC_RESIZE_NONE = 0,
    AC_RESIZE_SHORTEST, /* the short side to `height`, the aspect kept */
    AC_RESIZE_LONGEST,  /* the long side to `height`, the aspect kept */
    AC_RESIZE_EXACT     /* to height × width: squashed */
} ac_resize_rule;

/** A plain value. After the resize, the centre size × size is cut out; what is smaller is
 * padded with `fill`. */
typedef struct ac_preprocess_recipe {
    ac_resize_rule resize;
    int64_t height, width;
    ac_resample resample;
    bool rgb_first; /* transformers: converted to RGB before the resize, and the crop's offset
                       rounded down. Else after it, and halves go to even */
    int64_t size;   /* S, the side of the result */
    int fill;       /* 0 … 255, in the image's own mode */
    double rescale; /* number = (byte × rescale - mean) / std */
    float mean[3], std[3];
} ac_preprocess_recipe;

/** OpenAI's own for models of this image size, which is the default where no file says another:
 * short side to S, bicubic, centre crop, CLIP's mean and std. */
ac_preprocess_recipe ac_preprocess_openai(int64_t S);

/**
 * One line that stands for the recipe, for fingerprints. Nothing where size, filter and numbers
 * are OpenAI's (whichever way the crop is rounded), so that such a model keeps the fingerprint
 * it had before recipes were read.
 */
void ac_preprocess_describe(const ac_preprocess_recipe *self, ac_buffer *out);

/**
 * All that decides the bytes of CLIP's input, for comparing and for people (normalisation is
 * not of it): "shortest side to 224, bicubic, centre 224, turned by EXIF".
 */
void ac_preprocess_print(const ac_preprocess_recipe *self, bool apply_exif, ac_buffer *out);

#endif
