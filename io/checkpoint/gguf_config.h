/** What a GGUF file says of a causal model: architectures llama, qwen2, qwen3. */
#ifndef AC_IO_CHECKPOINT_GGUF_CONFIG_H
#define AC_IO_CHECKPOINT_GGUF_CONFIG_H

#include "engine/generation/generation_config.h"
#include "engine/models/causal.h"
#include "io/checkpoint/gguf.h"

/** AC_E_FORMAT names file and key: a missing or wrong value, another architecture, or what this
 * program does not do. The tensors' shapes are ac_causal_init's to check. */
AC_MUST_CHECK ac_status ac_gguf_config_load(ac_causal_config *out, const ac_gguf *file);

/** How to generate, as far as such a file says it: the tokens that end a text. Replaces what
 * out holds, which starts zeroed. */
AC_MUST_CHECK ac_status ac_gguf_generation_load(ac_generation_config *out, const ac_gguf *file);

#endif
