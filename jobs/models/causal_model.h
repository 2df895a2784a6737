/** A causal language model from its folder or its GGUF file: weights and configs (io) joined
 * with the network (engine/models), the generator and the tokenizer. */
#ifndef AC_JOBS_MODELS_CAUSAL_MODEL_H
#define AC_JOBS_MODELS_CAUSAL_MODEL_H

#include <stdbool.h>

#include "engine/generation/generate.h"
#include "engine/models/causal.h"
#include "engine/text/tokenizer.h"
#include "io/checkpoint/gguf.h"
#include "io/checkpoint/weights.h"
#include "jobs/models/model.h"

/** Starts zeroed; owns everything. */
typedef struct ac_causal_model {
    ac_causal net;
    ac_tokenizer tokenizer;
    int32_t begin; /* put in front of every text; -1: nothing is */
    int32_t
        ineffective_end; /* an end token of the files that is past the vocabulary; -1: none */
    bool has_tokenizer, is_gguf;
    ac_texts pieces; /* [vocab_size] the bytes of each token, where stop_strings need them */
    char fingerprint[33]; /* of weights, vocabulary, config, `generation` */
    char *path;
    ac_weights weights; /* of a folder */
    ac_gguf gguf;
    ac_packed packed;
    size_t packed_bytes;
    ac_compute compute;              /* as asked for */
    ac_generation_config generation; /* what the model's files say; then what is set */
    ac_generator generator;          /* memory reused between calls */
    int64_t cache_bytes;             /* keys and values held at most; 0: 1 GiB */
    int64_t lines; /* sequences computed together at most; 0: AC_GENERATE_ROWS */
} ac_causal_model;

typedef struct ac_causal_options {
    const char *model; /* a Hugging Face folder, or a .gguf file */
    ac_compute compute;
    bool need_tokenizer;
} ac_causal_options;

/** A GGUF file, or a folder whose config.json is of another type than BART. */
bool ac_causal_model_is(const char *model);

/** The model's config alone. */
AC_MUST_CHECK ac_status ac_causal_model_config(ac_causal_config *out, const char *model);

/** The config, and the bytes that the model's weights are packed in. */
AC_MUST_CHECK ac_status ac_causal_model_sizes(ac_causal_config *out, size_t *packed_bytes,
                                              const char *model, const ac_compute *compute);

/** Read and pack, in memory of this process alone. On failure self is freed. */
AC_MUST_CHECK ac_status ac_causal_model_open(ac_causal_model *self,
                                             const ac_causal_options *options);

/** The same in two steps, with the caller's memory for the packed weights: as
 * ac_clip_model_read, ac_clip_model_pack. */
AC_MUST_CHECK ac_status ac_causal_model_read(ac_causal_model *self,
                                             const ac_causal_options *options);
size_t ac_causal_model_packed_bytes(const ac_causal_model *self);
AC_MUST_CHECK ac_status ac_causal_model_pack(ac_causal_model *self);

void ac_causal_model_free(ac_causal_model *self);

/**
 * How to generate; copied. Ids that are no tokens, which a token embedding may have, are
 * suppressed. Part of the fingerprint. AC_E_ARG names the key that cannot be.
 */
AC_MUST_CHECK ac_status ac_causal_model_set_generation(ac_causal_model *self,
                                                       const ac_generation_config *generation);

/** How many tokens the tokenizer puts in front of every text. */
int64_t ac_causal_model_front(const ac_causal_model *self);

/** A text's ids, with what the tokenizer puts in front. AC_E_FORMAT where it is not UTF-8. */
AC_MUST_CHECK ac_status ac_causal_model_encode(const ac_causal_model *self, const char *text,
                                               size_t n, ac_encoding *out);

/** What ids say, special tokens skipped. A character that is not finished at the end is left
 * out. Replaces `text`, whose data is never NULL afterwards. */
AC_MUST_CHECK ac_status ac_causal_model_decode(const ac_causal_model *self, const int32_t *ids,
                                               int64_t n, ac_buffer *text);

/** The bytes of each token, for stop strings. AC_E_ARG without a tokenizer. */
AC_MUST_CHECK ac_status ac_causal_model_make_pieces(ac_causal_model *self);

/** Why a sequence ends: by an end token, a stop string, so many tokens as were wanted, or at
 * the model's last position. */
typedef enum ac_causal_end {
    AC_CAUSAL_END = 0,
    AC_CAUSAL_STOP,
    AC_CAUSAL_LENGTH,
    AC_CAUSAL_POSITIONS
} ac_causal_end;

enum { AC_CAUSAL_ENDS = 4 };
extern const char *const ac_causal_end_names[]; /* [AC_CAUSAL_ENDS]: "end", "stop", … */

/** prompt: so many of the candidate's tokens are its prompt's. */
ac_causal_end ac_causal_model_end(const ac_causal_model *self, const ac_candidate *c,
                                  int64_t prompt);

/** The text that follows the prompt, as ac_causal_model_decode; up to the stop string that ends
 * it. Replaces `text`. */
AC_MUST_CHECK ac_status ac_causal_model_said(const ac_causal_model *self, const ac_candidate *c,
                                             int64_t prompt, ac_buffer *text);

/** Tokens that a prompt has at most, so that one more can follow. */
int64_t ac_causal_model_longest_prompt(const ac_causal_model *self);

/** AC_E_LIMIT: the keys and values of one text of so many tokens do not fit into cache_bytes,
 * where that is set. */
AC_MUST_CHECK ac_status ac_causal_model_check_cache(const ac_causal_model *self,
                                                    int64_t tokens);

/** Candidates for B prompts (ids [offsets[B]], offsets [B + 1]) by self->generation; streams
 * [B]: random streams. Sequences end at the model's last position. */
AC_MUST_CHECK ac_status ac_causal_model_generate(ac_causal_model *self, const int32_t *ids,
                                                 const int64_t *offsets,
                                                 const uint64_t *streams, int64_t B,
                                                 ac_generated *out);

#endif
