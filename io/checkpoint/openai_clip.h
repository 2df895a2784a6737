/**
 * CLIP under OpenAI's names (visual.transformer.resblocks.0.attn.in_proj_weight …) -> Hugging
 * Face's names, and the config that OpenAI's files do not have. Sources: clip/model.py
 * (build_model), transformers' convert_clip_original_pytorch_to_hf.
 */
#ifndef AC_IO_CHECKPOINT_OPENAI_CLIP_H
#define AC_IO_CHECKPOINT_OPENAI_CLIP_H

#include <stdbool.h>

#include "engine/base/tensor.h"
#include "engine/models/clip.h"

/** Starts zeroed. Views of the original tensors, but for the two projections, which are
 * transposed copies. */
typedef struct ac_openai_clip {
    ac_tensor *items; /* [count], names owned, in no order */
    int64_t count;
    void *copies[2];
    int copy_count;
} ac_openai_clip;

/**
 * What stands before OpenAI's names in this file: "" (OpenAI's and OpenCLIP's own files), or
 * "state_dict.", "state_dict.module.", "module." (checkpoints of OpenCLIP's training). NULL:
 * the names are not OpenAI's.
 */
const char *ac_openai_clip_prefix(const ac_tensors *tensors);

/** Whether these are OpenAI's own: TorchScript archives alone hold input_resolution,
 * context_length and vocab_size. `tensors` under the file's own names. */
bool ac_openai_clip_is_own(const ac_tensors *tensors);

/**
 * The tensors under `prefix`; others belong to an optimiser. OpenCLIP's models with custom_text
 * have the text tower's names under "text.".
 * AC_E_FORMAT for a ResNet, and for a tensor whose shape cannot be mapped. `from` must outlive
 * self.
 */
AC_MUST_CHECK ac_status ac_openai_clip_map(ac_openai_clip *self, const ac_tensors *from,
                                           const char *prefix);
void ac_openai_clip_free(ac_openai_clip *self);

/**
 * The config from the shapes of mapped tensors, as OpenAI's build_model derives it: heads =
 * width / 64, quick_gelu, the last two ids of the vocabulary are start and end. AC_E_FORMAT
 * where a width is no multiple of 64: clip.model_config is needed.
 */
AC_MUST_CHECK ac_status ac_openai_clip_config(ac_clip_config *out, const ac_tensors *mapped);

#endif
