/** BART from its folder: weights, trained layer norms and configs (io) joined with the network
 * (engine/models), the generator and the tokenizer. */
#ifndef AC_JOBS_MODELS_BART_MODEL_H
#define AC_JOBS_MODELS_BART_MODEL_H

#include <stdbool.h>

#include "engine/generation/generate.h"
#include "engine/models/bart.h"
#include "engine/text/tokenizer.h"
#include "io/checkpoint/model_config.h"
#include "io/checkpoint/weights.h"
#include "jobs/models/model.h"

/** BART with its tokenizer. Starts zeroed; owns everything. */
typedef struct ac_bart_model {
    ac_bart net;
    ac_tokenizer tokenizer;
    bool has_tokenizer;
    char fingerprint[33]; /* of weights, layer norms, vocabulary, config, `generation` */
    char *path;
    ac_weights weights;
    ac_weights layer_norms;
    ac_packed packed;
    ac_compute compute; /* as asked for */
    /* Set by the caller: with ac_bart_model_set_generation, or directly where the fingerprint
     * need not cover it. */
    ac_generation_config generation;
    ac_generator generator; /* memory reused between calls */
} ac_bart_model;

typedef struct ac_bart_options {
    const char *model;       /* a Hugging Face folder */
    const char *layer_norms; /* trained ones, laid over the model's; or NULL */
    ac_compute compute;
    bool need_tokenizer;
} ac_bart_options;

/** Read and pack, in memory of this process alone. On failure self is freed. */
AC_MUST_CHECK ac_status ac_bart_model_open(ac_bart_model *self, const ac_bart_options *options);

/** The same in two steps, with the caller's memory for the packed weights: as
 * ac_clip_model_read, ac_clip_model_pack. */
AC_MUST_CHECK ac_status ac_bart_model_read(ac_bart_model *self, const ac_bart_options *options);
size_t ac_bart_model_packed_bytes(const ac_bart_model *self);
AC_MUST_CHECK ac_status ac_bart_model_pack(ac_bart_model *self);

void ac_bart_model_free(ac_bart_model *self);

/** How to generate, with all that the model's files and the user's config say; copied. Part of
 * the fingerprint. AC_E_ARG names the key that cannot be. */
AC_MUST_CHECK ac_status ac_bart_model_set_generation(ac_bart_model *self,
                                                     const ac_generation_config *generation);

/** Candidates for B encoder inputs (ids [offsets[B]], offsets [B + 1]) by self->generation;
 * streams [B]: random streams. */
AC_MUST_CHECK ac_status ac_bart_model_generate(ac_bart_model *self, const int32_t *ids,
                                               const int64_t *offsets, const uint64_t *streams,
                                               int64_t B, ac_generated *out);

#endif
