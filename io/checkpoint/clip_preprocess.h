/** preprocessor_config.json of a CLIP's folder: how its images are prepared. */
#ifndef AC_IO_CHECKPOINT_CLIP_PREPROCESS_H
#define AC_IO_CHECKPOINT_CLIP_PREPROCESS_H

#include "engine/image/recipe.h"

/**
 * As transformers' CLIPImageProcessor (Pillow's backend) reads it: processor_config.json's
 * "image_processor" where it is there, else preprocessor_config.json, else OpenAI's recipe.
 * Keys that are missing have CLIP's defaults, size 224 whatever the model's image size; of
 * SigLIP, whose class is another, those of SiglipImageProcessor: squashed to 224 × 224, mean
 * and std 0.5, no crop.
 * @param[in] size  the model's image size: what the recipe must always give
 * @return AC_E_FORMAT naming file and key where it asks for what cannot be done
 */
AC_MUST_CHECK ac_status ac_clip_preprocess_load(ac_preprocess_recipe *out, const char *folder,
                                                int64_t size, bool siglip);

#endif
