/**
 * Generation with any decoder: greedy search, beam search, sampling.  Semantics: transformers'
 * generate. Golden: tests/golden, topics generate and sampling.
 */
#ifndef AC_GENERATION_GENERATE_H
#define AC_GENERATION_GENERATE_H

#include "engine/generation/generation_config.h"
#include "engine/models/decoder.h"

/** ids: prompt (or start token) and end token included, no padding; a view into the
 * ac_generated. */
typedef struct ac_candidate {
    const int32_t *ids;
    int64_t count;
    double score; /* beams: sum of log-probabilities / length^penalty; else the sum of
                     log-probabilities */
} ac_candidate;

/** Candidates of B texts, num_return_sequences each, in order. Starts zeroed; reused between
 * calls. */
typedef struct ac_generated {
    int64_t texts, each, longest; /* longest: tokens that any sequence has at most */
    int32_t *ids;                 /* [texts, each, longest] */
    int64_t *counts;              /* [texts, each] */
    double *scores;               /* [texts, each] */
    int64_t ids_capacity, counts_capacity, scores_capacity;
} ac_generated;

void ac_generated_free(ac_generated *self);
/** Candidate number `candidate` of a text; a view. */
static inline ac_candidate
ac_generated_at(const ac_generated *self, int64_t text, int64_t candidate)
{
    int64_t at = text * self->each + candidate;
    return (ac_candidate){ self->ids + at * self->longest, self->counts[at], self->scores[at] };
}

/** Memory reused between calls. Usable when zeroed. */
typedef struct ac_generator {
    int64_t max_rows; /* decoder rows at once, which bounds the memory; 0: AC_GENERATE_ROWS */
    ac_decoder_state state;
    ac_scratch scratch;
    float *logits;
    int64_t logits_capacity;
} ac_generator;

enum { AC_GENERATE_ROWS = 256 };

void ac_generator_free(ac_generator *self);

/** What B texts are generated from. Borrowed. */
typedef struct ac_generation_input {
    const int32_t *ids;     /* [offsets[B]]: what the encoder reads; NULL without an encoder */
    const int64_t *offsets; /* [B + 1] */
    const int32_t *prompts; /* [prompt_offsets[B]]: what a sequence begins with; NULL: */
    const int64_t *prompt_offsets; /* [B + 1]               the config's start token alone */
    const uint64_t *streams; /* [B]: random streams (ac_random_stream of the texts' keys) */
    int64_t count;           /* B */
    const ac_texts *pieces;  /* [V] the bytes of each token, for config->stop_strings; NULL: not
                                known */
} ac_generation_input;

/**
 * Generate for B texts together. They form groups that follow from the input and max_rows
 * alone, so the bits do not depend on the number of threads. Local.
 * @return AC_E_ARG by ac_generation_config_check, and where a prompt is empty, leaves no place
 * below max_length or the model's positions, or has a token outside the vocabulary; AC_E_FORMAT
 * where a score is not finite (a NaN among the weights)
 */
AC_MUST_CHECK ac_status ac_generate(ac_generator *self, const ac_decoder *decoder,
                                    const ac_generation_config *config,
                                    const ac_generation_input *input, ac_generated *out);

#endif
