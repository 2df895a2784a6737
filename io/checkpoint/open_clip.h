/**
 * OpenCLIP's open_clip_config.json. Sources: open_clip 3.3 (model.py, factory.py,
 * transform.py). What its vision transformers of LAION's kind use is read; every other key is
 * refused by its name, since it changes the embeddings.
 */
#ifndef AC_IO_CHECKPOINT_OPEN_CLIP_H
#define AC_IO_CHECKPOINT_OPEN_CLIP_H

#include <jansson.h>

#include "engine/base/tensor.h"
#include "engine/image/recipe.h"
#include "engine/models/clip.h"

#define AC_OPEN_CLIP_CONFIG "open_clip_config.json"

/** Whether this is OpenCLIP's config rather than Hugging Face's: it has model_cfg or
 * preprocess_cfg, or is a model_cfg itself, as the files of OpenCLIP's source are. */
bool ac_open_clip_config_is(const json_t *root);

/** @param[in] path  for messages, which name the file and the key */
AC_MUST_CHECK ac_status ac_open_clip_config_read(ac_clip_config *config,
                                                 ac_preprocess_recipe *recipe,
                                                 const json_t *root, const char *path);

/**
 * Do config and weights belong together? Widths, layers and the sizes of tables are compared.
 * @param[in] mapped  the tensors under Hugging Face's names
 * @return AC_E_FORMAT naming both files, the key, the tensor and the two numbers
 */
AC_MUST_CHECK ac_status ac_open_clip_check(const ac_clip_config *config,
                                           const ac_tensors *mapped, const char *path);

#endif
