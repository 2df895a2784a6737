/**
 * Generation with BART: greedy search, beam search, sampling.  Semantics: transformers'
 * generate. Golden: tests/golden, topics generate and sampling.
 */
#ifndef AC_GENERATION_GENERATE_H
#define AC_GENERATION_GENERATE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/models/bart.h"

typedef enum ac_early_stopping {
    AC_EARLY_FALSE = 0,
    AC_EARLY_TRUE,
    AC_EARLY_NEVER
} ac_early_stopping;
typedef enum ac_beam_search { AC_BEAM_HF5 = 0, AC_BEAM_HF49 } ac_beam_search;

/** transformers' names. A token id of -1: none. */
typedef struct ac_generation_config {
    int64_t num_beams, num_return_sequences, max_length, min_length, no_repeat_ngram_size;
    bool do_sample;
    double temperature, top_p, length_penalty;
    int64_t top_k; /* 0: off */
    ac_early_stopping early_stopping;
    ac_beam_search beam_search;
    int32_t forced_bos_token_id, forced_eos_token_id, decoder_start_token_id, eos_token_id;
    uint64_t seed;
} ac_generation_config;

/** transformers' defaults, with the model's special tokens. */
void ac_generation_config_defaults(ac_generation_config *self, const ac_bart_config *model);

/** AC_E_ARG names the key and what it may be. */
AC_MUST_CHECK ac_status ac_generation_config_check(const ac_generation_config *self,
                                                   const ac_bart_config *model);

/** ids: start and end token included, no padding; a view into the ac_generated. */
typedef struct ac_candidate {
    const int32_t *ids;
    int64_t count;
    double score; /* beams: sum of log-probabilities / length^penalty; else the sum of
                     log-probabilities */
} ac_candidate;

/** Candidates of B texts, num_return_sequences each, in order. Starts zeroed; reused between
 * calls. */
typedef struct ac_generated {
    int64_t texts, each, max_length;
    int32_t *ids;    /* [texts, each, max_length] */
    int64_t *counts; /* [texts, each] */
    double *scores;  /* [texts, each] */
    int64_t ids_capacity, counts_capacity, scores_capacity;
} ac_generated;

void ac_generated_free(ac_generated *self);
static inline int64_t
ac_generated_count(const ac_generated *self, int64_t text)
{
    (void) text;
    return self->each;
}
static inline ac_candidate
ac_generated_at(const ac_generated *self, int64_t text, int64_t candidate)
{
    int64_t at = text * self->each + candidate;
    return (ac_candidate){ self->ids + at * self->max_length, self->counts[at],
                           self->scores[at] };
}

/** Memory kept between calls. Starts zeroed. */
typedef struct ac_generator {
    int64_t max_rows; /* decoder lines at once, which bounds the memory; 0: AC_GENERATE_ROWS */
    ac_bart_state state;
    ac_scratch scratch;
    float *encoded, *logits;
    int64_t encoded_capacity, logits_capacity;
    int64_t slots, steps, texts, tokens; /* the state's room */
} ac_generator;

enum { AC_GENERATE_ROWS = 256 };

void ac_generator_free(ac_generator *self);

/**
 * Generate for B texts together. Shapes: ids [offsets[B]]; offsets [B + 1]; streams [B], the
 * texts' random streams (ac_random_stream of their keys). Texts are taken in groups that follow
 * from the inputs and max_rows alone, so the bits do not depend on the number of threads.
 * Local.
 * @return AC_E_ARG by ac_generation_config_check; AC_E_FORMAT where a score is not finite (a
 * NaN among the weights)
 */
AC_MUST_CHECK ac_status ac_generate(ac_generator *self, const ac_bart *bart,
                                    const ac_generation_config *config, const int32_t *ids,
                                    const int64_t *offsets, const uint64_t *streams, int64_t B,
                                    ac_generated *out);

#endif
