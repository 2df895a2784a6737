/** The trained numbers as a file: safetensors under Hugging Face's names, what
 * `bart.layer_norms` reads. */
#ifndef AC_JOBS_MODELS_LAYER_NORMS_H
#define AC_JOBS_MODELS_LAYER_NORMS_H

#include "engine/training/bart_train.h"
#include "io/checkpoint/safetensors_write.h"

/** numbers [trainer->count] (values, a gradient, a moment …) in the trainer's order. Published
 * whole. */
AC_MUST_CHECK ac_status ac_layer_norms_save(const char *path, const ac_bart_trainer *trainer,
                                            const float *numbers, const ac_metadata *metadata,
                                            int metadata_count);

#endif
