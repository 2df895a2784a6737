/** config.json of a causal language model's folder. */
#ifndef AC_IO_CHECKPOINT_CAUSAL_CONFIG_H
#define AC_IO_CHECKPOINT_CAUSAL_CONFIG_H

#include <stdbool.h>

#include "engine/base/buffer.h"
#include "engine/models/causal.h"

/**
 * Does this folder's config.json name a model_type that is not one of the program's other
 * models? Whether this program has it, ac_causal_config_load says. A folder without a readable
 * config.json: false.
 */
bool ac_causal_config_is(const char *folder);

/** AC_E_FORMAT names file and key: a wrong value, or what this program does not support (rope
 * types besides default and llama3, sliding windows in use, mixtures of experts …). */
AC_MUST_CHECK ac_status ac_causal_config_load(ac_causal_config *out, const char *folder);

/** As ac_bart_config_describe. */
void ac_causal_config_describe(const ac_causal_config *config, ac_buffer *out);

#endif
