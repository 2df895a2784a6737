/** The models that a config names, opened for a job (_all: the packed weights are held once per
 * node) or for one process. */
#ifndef AC_JOBS_RUNTIME_MODELS_H
#define AC_JOBS_RUNTIME_MODELS_H

#include "engine/comm/comm.h"
#include "io/config/config.h"
#include "jobs/models/bart_model.h"
#include "jobs/models/causal_model.h"
#include "jobs/models/clip_model.h"

/**
 * Collective. CLIP's `towers`, with the tokenizer where the text tower is among them, and BART
 * with its tokenizer; bart->generation is what the model's files say. On failure what is open
 * is the caller's to free.
 * @param[in] bart  NULL: not needed
 */
AC_MUST_CHECK ac_status ac_models_open_all(const ac_comm *comm, const ac_config *config,
                                           unsigned towers, ac_clip_model *clip,
                                           ac_bart_model *bart);

/** Collective. The causal model of story.model with its tokenizer; model->generation is what
 * its files say. On failure what is open is the caller's to free. */
AC_MUST_CHECK ac_status ac_models_open_causal_all(const ac_comm *comm, const ac_config *config,
                                                  ac_causal_model *model);

/** The same for this process alone. */
AC_MUST_CHECK ac_status ac_models_open(const ac_config *config, unsigned towers,
                                       ac_clip_model *clip, ac_bart_model *bart);

/** The config's generation keys over what the model's files say: ac_bart_model_set_generation.
 */
AC_MUST_CHECK ac_status ac_models_set_generation(ac_bart_model *bart, const ac_config *config);

#endif
