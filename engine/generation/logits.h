/** What stands between the model's logits and the choice of a token. Source: transformers'
 * logits processors. */
#ifndef AC_GENERATION_LOGITS_H
#define AC_GENERATION_LOGITS_H

#include "engine/generation/generation_config.h"

/**
 * No repeated n-gram, minimal length, forced first and last token, in this order. x [V] logits
 * or log-probabilities, in place; banned tokens become -inf. A forced token gets 0, all others
 * -inf. prefix [n]: the tokens so far.
 */
void ac_logits_process(const ac_generation_config *config, float *x, int64_t V,
                       const int32_t *prefix, int64_t n);

/** A token and its value; scratch of ac_logits_warp. */
typedef struct ac_scored_token {
    float value;
    int32_t token;
} ac_scored_token;

/**
 * Temperature, top-k, top-p, in this order. x [V] in place; what is dropped becomes -inf. order
 * [V] is scratch. top-k keeps every token equal to the k-th; top-p drops from the least likely
 * (equal ones: lower ids first).
 */
void ac_logits_warp(const ac_generation_config *config, float *x, int64_t V,
                    int64_t min_tokens_to_keep, ac_scored_token *order);

/** The token at u in [0, 1) of the distribution softmax(x), accumulated in double in order of
 * ids. */
int32_t ac_logits_draw(const float *x, int64_t V, double u);

/** For many draws from one row: sums[i] = the sum over j <= i of exp(x[j] - largest), in double
 * in order of ids. x, sums [V]. */
void ac_logits_accumulate(double *sums, const float *x, int64_t V);

/** What ac_logits_draw gives for the x that sums [V] are of, by bisection. */
int32_t ac_logits_find(const double *sums, int64_t V, double u);

#endif
