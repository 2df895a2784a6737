/** CLIP from its folder: weights and config (io) joined with the networks (engine/models) and
 * the tokenizer. */
#ifndef AC_JOBS_MODELS_CLIP_MODEL_H
#define AC_JOBS_MODELS_CLIP_MODEL_H

#include <stdbool.h>

#include "engine/base/buffer.h"
#include "engine/models/clip.h"
#include "engine/text/tokenizer.h"
#include "io/checkpoint/clip_files.h"
#include "jobs/models/model.h"

/** CLIP, ready to embed. Starts zeroed; owns everything. */
typedef struct ac_clip_model {
    ac_clip net;
    ac_tokenizer tokenizer;
    bool has_tokenizer;
    ac_preprocess_recipe recipe; /* how its images are prepared */
    char fingerprint[33];       /* of weights, vocabulary, config; the recipe if not OpenAI's */
    char image_fingerprint[33]; /* the same without the vocabulary: of a run that read none */
    char text_fingerprint[33];  /* of what texts' embeddings depend on; "": no text tower */
    char *path;
    ac_clip_files files;
    ac_packed packed;
    ac_compute compute; /* as asked for, like `towers` */
    unsigned towers;
    ac_scratch scratch;
    ac_encoding encoding;
    int32_t *ids; /* texts of one batch, packed */
    int64_t ids_capacity;
    float *pixels; /* one batch of images, normalised */
} ac_clip_model;

typedef struct ac_clip_options {
    /* Hugging Face's or OpenCLIP's folder, OpenAI's .pt, or a file of weights that has a config
     * beside it or is given one. */
    const char *model;
    const char *model_config; /* or NULL */
    const char *vocabulary;   /* or NULL: beside the weights */
    ac_compute compute;
    unsigned towers; /* AC_CLIP_VISION, AC_CLIP_TEXT, or both with | */
    bool need_tokenizer;
} ac_clip_options;

/** Read and pack, in memory of this process alone. On failure self is freed. */
AC_MUST_CHECK ac_status ac_clip_model_open(ac_clip_model *self, const ac_clip_options *options);

/**
 * The same in two steps, where the caller has the memory for the packed weights: read all but
 * them; set self->packed, of ac_clip_model_packed_bytes(self); pack into it, or, where another
 * process has packed there (self->packed.fills is false), use what is there.
 * The model owns self->packed from then on. After a failure the caller frees the model.
 */
AC_MUST_CHECK ac_status ac_clip_model_read(ac_clip_model *self, const ac_clip_options *options);
size_t ac_clip_model_packed_bytes(const ac_clip_model *self);
AC_MUST_CHECK ac_status ac_clip_model_pack(ac_clip_model *self);

void ac_clip_model_free(ac_clip_model *self);

/**
 * Embed texts, in batches formed in order, so that the bits depend on the texts alone.
 * Shapes: y [n, projection_dim], unit length; texts [first, first + n).
 * @param[in] prefix  put in front of each ("" for none)
 * @param[out] cut    incremented by the number of texts longer than the context, which were
 *                    truncated
 */
AC_MUST_CHECK ac_status ac_clip_model_embed_texts(ac_clip_model *self, float *y,
                                                  const ac_texts *texts, int64_t first,
                                                  int64_t n, const char *prefix, int64_t *cut);

/** ids [offsets[B]], offsets [B + 1]: one batch of token ids -> y [B, projection_dim]. */
AC_MUST_CHECK ac_status ac_clip_model_embed_ids(ac_clip_model *self, float *y,
                                                const int32_t *ids, const int64_t *offsets,
                                                int64_t B);

/** rgb [n, S, S, 3], bytes as ac_image_preprocess makes them of the recipe -> y [n,
 * projection_dim], unit length; in batches formed in order. */
AC_MUST_CHECK ac_status ac_clip_model_embed_images(ac_clip_model *self, float *y,
                                                   const uint8_t *rgb, int64_t n);

/**
 * One image file: decoded, prepared by the recipe, embedded -> y [projection_dim], unit length.
 * @param[in] max_pixels  width × height beyond it is refused before anything is decoded
 * @return AC_E_FORMAT where the file is no image that can be decoded; the message names file
 * and reason
 */
AC_MUST_CHECK ac_status ac_clip_model_embed_file(ac_clip_model *self, float *y,
                                                 const char *path, int64_t max_pixels);

#endif
