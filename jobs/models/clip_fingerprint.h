/**
 * What the embedding of a text depends on: the text tower's weights and shape, and the
 * vocabulary. Where they came from (a Hugging Face folder, another file, another precision of
 * storage) does not matter: numbers are hashed as float32.
 */
#ifndef AC_JOBS_MODELS_CLIP_FINGERPRINT_H
#define AC_JOBS_MODELS_CLIP_FINGERPRINT_H

#include "engine/base/tensor.h"
#include "engine/models/clip.h"
#include "engine/text/tokenizer.h"

/** hex: 32 digits and a zero byte. tokenizer: NULL where the model has none. */
AC_MUST_CHECK ac_status ac_clip_fingerprint_text(char hex[33], const ac_clip_config *config,
                                                 const ac_tensors *tensors,
                                                 const ac_tokenizer *tokenizer);

#endif
