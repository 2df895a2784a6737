/**
 * Models from their folders: weights and configs (io) joined with the networks (engine/models)
 * and their tokenizers. A job opens them on all ranks (_all): the packed weights are then held
 * once a node. A tool opens them for itself, without MPI.
 */
#ifndef AC_JOBS_MODELS_MODELS_H
#define AC_JOBS_MODELS_MODELS_H

#include <stdbool.h>

#include "engine/comm/shared.h"
#include "engine/models/bart.h"
#include "engine/models/clip.h"
#include "engine/generation/generate.h"
#include "engine/text/tokenizer.h"
#include "io/checkpoint/model_config.h"
#include "io/checkpoint/weights.h"

/** CLIP, ready to embed. Starts zeroed; owns everything. */
typedef struct ac_clip_model {
    ac_clip net;
    ac_tokenizer tokenizer;
    bool has_tokenizer;
    char fingerprint[33];      /* of the weights, the vocabulary and the config */
    char text_fingerprint[33]; /* of what texts' embeddings depend on; "" without the text tower
                                */
    char *path;
    ac_weights weights;
    ac_shared packed;
    ac_scratch scratch;
    ac_encoding encoding;
    int32_t *ids; /* texts of one batch, packed */
    int64_t ids_capacity;
    float *pixels; /* one batch of images, normalised */
} ac_clip_model;

typedef struct ac_clip_options {
    const char *model;        /* a Hugging Face folder or OpenAI's .pt */
    const char *model_config; /* or NULL */
    const char *vocabulary;   /* or NULL: beside the weights */
    ac_compute compute;
    unsigned towers;
    bool need_tokenizer;
} ac_clip_options;

AC_MUST_CHECK ac_status ac_clip_model_open(ac_clip_model *self, const ac_clip_options *options);
/** Collective. The same, the packed weights shared by the ranks of a node. */
AC_MUST_CHECK ac_status ac_clip_model_open_all(ac_clip_model *self, const ac_comm *comm,
                                               const ac_clip_options *options);
void ac_clip_model_free(ac_clip_model *self);

/** Fingerprint of the text tower's numbers, shape and vocabulary, however they are stored: 32
 * digits and a zero byte. */
AC_MUST_CHECK ac_status ac_clip_model_text_fingerprint(const ac_clip_model *self, char hex[33]);

/**
 * Embed texts, in batches formed in order, so that the bits depend on the texts alone.
 * Shapes: y [texts->count - first …, projection_dim]; texts [first, first + n).
 * @param[in] prefix  put in front of each ("" for none)
 * @param[out] cut    incremented by the number of texts longer than the context, which were cut
 */
AC_MUST_CHECK ac_status ac_clip_model_embed_texts(ac_clip_model *self, float *y,
                                                  const ac_texts *texts, int64_t first,
                                                  int64_t n, const char *prefix, int64_t *cut);

/** ids [offsets[B]], offsets [B + 1]: one batch of token ids -> y [B, projection_dim]. */
AC_MUST_CHECK ac_status ac_clip_model_embed_ids(ac_clip_model *self, float *y,
                                                const int32_t *ids, const int64_t *offsets,
                                                int64_t B);

/** rgb [n, S, S, 3] bytes -> y [n, projection_dim], unit length; in batches formed in order. */
AC_MUST_CHECK ac_status ac_clip_model_embed_images(ac_clip_model *self, float *y,
                                                   const uint8_t *rgb, int64_t n);

/** BART with its tokenizer. */
typedef struct ac_bart_model {
    ac_bart net;
    ac_tokenizer tokenizer;
    bool has_tokenizer;
    char fingerprint[33]; /* of the weights, the layer norms, the vocabulary, the config; and of
                             `generation` once it is set */
    char *path;
    ac_weights weights;
    ac_weights layer_norms;
    ac_shared packed;
    ac_encoding encoding;
    ac_generation_config
        generation;         /* the caller fills it in, or ac_bart_model_set_generation */
    ac_generator generator; /* memory kept between calls */
} ac_bart_model;

AC_MUST_CHECK ac_status ac_bart_model_open(ac_bart_model *self, const char *model,
                                           const char *layer_norms, const ac_compute *compute,
                                           bool need_tokenizer);
/** Collective. The same, the packed weights shared by the ranks of a node. */
AC_MUST_CHECK ac_status ac_bart_model_open_all(ac_bart_model *self, const ac_comm *comm,
                                               const char *model, const char *layer_norms,
                                               const ac_compute *compute, bool need_tokenizer);
void ac_bart_model_free(ac_bart_model *self);

/** How to generate, with all that the model's files and the user's config say. Part of the
 * fingerprint. AC_E_ARG names the key that cannot be. */
AC_MUST_CHECK ac_status ac_bart_model_set_generation(ac_bart_model *self,
                                                     const ac_generation_config *generation);

/** Candidates for B encoder inputs (ids [offsets[B]], offsets [B + 1]) by self->generation;
 * streams [B]: random streams. */
AC_MUST_CHECK ac_status ac_bart_model_generate(ac_bart_model *self, const int32_t *ids,
                                               const int64_t *offsets, const uint64_t *streams,
                                               int64_t B, ac_generated *out);

#endif
