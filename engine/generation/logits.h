/** What stands between the model's logits and the choice of a token. Source: transformers'
 * logits processors. */
#ifndef AC_GENERATION_LOGITS_H
#define AC_GENERATION_LOGITS_H

#include "engine/generation/generation_config.h"

/** What a row of logits comes after. */
typedef struct ac_logits_context {
    const int32_t *tokens; /* [count]: the tokens so far */
    int64_t count;
    int64_t prompt;       /* so many of them are the prompt's */
    int64_t most;         /* tokens that this sequence has at most */
    const int32_t *input; /* [input_count]: what the encoder read; none: 0 */
    int64_t input_count;
} ac_logits_context;

/**
 * The processors, in transformers' order: sequence_bias, encoder_repetition_penalty,
 * repetition_penalty, no repeated n-gram, none of the encoder's input, bad words, minimal
 * length, forced first and last token, invalid values, exponential decay, suppressed tokens.
 * x [V] logits or log-probabilities, in place; banned tokens become -inf. A forced token gets
 * 0, all others -inf.
 */
void ac_logits_process(const ac_generation_config *config, float *x, int64_t V,
                       const ac_logits_context *context);

/** A token and its value; scratch of ac_logits_warp. */
typedef struct ac_scored_token {
    float value;
    int32_t token;
} ac_scored_token;

/**
 * Temperature, top_h, top_k, top_p, min_p, typical_p, epsilon_cutoff, eta_cutoff, in this
 * order. x [V] in place; what is dropped becomes -inf. order [V] is scratch. top_k keeps every
 * token equal to the k-th; top_p drops from the least likely (equal ones: lower ids first).
 * renormalize_logits is the caller's: it comes last, with sampling or without.
 */
void ac_logits_warp(const ac_generation_config *config, float *x, int64_t V,
                    int64_t min_tokens_to_keep, ac_scored_token *order);

/** The token at u in [0, 1) of the distribution softmax(x), accumulated in double in order of
 * ids. */
int32_t ac_logits_draw(const float *x, int64_t V, double u);

/** The tokens of at least this value, in order of ids: order [V]. Returns how many. */
int64_t ac_logits_gather(ac_scored_token *order, const float *x, int64_t V, float least);

/** For many draws from one row: order [n] its tokens that can be drawn, and sums [n], the sum
 * over j <= i of exp(order[j].value - largest), in double in order of ids. Returns n. sums,
 * order: capacity V. */
int64_t ac_logits_accumulate(double *sums, ac_scored_token *order, const float *x, int64_t V);

/** Where in order [n] the token stands that ac_logits_draw gives for the x that sums [n] are
 * of, by bisection. n >= 1. */
int64_t ac_logits_find(const double *sums, int64_t n, double u);

#endif
