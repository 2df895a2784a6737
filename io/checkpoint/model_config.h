/** config.json and generation_config.json of a model's folder. */
#ifndef AC_IO_CHECKPOINT_MODEL_CONFIG_H
#define AC_IO_CHECKPOINT_MODEL_CONFIG_H

#include <stdbool.h>

#include "engine/base/buffer.h"
#include "engine/models/bart.h"
#include "engine/models/clip.h"
#include "engine/generation/generation_config.h"

/**
 * Hugging Face's config.json, or, where a folder has none or the file is one, OpenCLIP's
 * open_clip_config.json. Whether weights and config belong together is not asked
 * (ac_clip_files_open does).
 * @param[in] config_path  another file in place of FOLDER/config.json, or NULL
 */
AC_MUST_CHECK ac_status ac_clip_config_load(ac_clip_config *out, const char *folder,
                                            const char *config_path);
AC_MUST_CHECK ac_status ac_bart_config_load(ac_bart_config *out, const char *folder);

/**
 * How a folder says to generate: generation_config.json, or where there is none config.json's
 * keys, over transformers' defaults; replaces what out holds, which starts zeroed. AC_E_FORMAT
 * names file and key: a wrong value, or what this program does not support.
 */
AC_MUST_CHECK ac_status ac_generation_config_load(ac_generation_config *out,
                                                  const char *folder);

/** The same of a causal model, whose sequences begin with their prompts: no start token is
 * needed, -1 where the files name none. */
AC_MUST_CHECK ac_status ac_generation_config_load_causal(ac_generation_config *out,
                                                         const char *folder);

/** Everything that results depend on, as text: what a fingerprint is made of. Appended to out.
 */
void ac_clip_config_describe(const ac_clip_config *config, ac_buffer *out);
void ac_bart_config_describe(const ac_bart_config *config, ac_buffer *out);
void ac_generation_config_describe(const ac_generation_config *config, ac_buffer *out);

#endif
