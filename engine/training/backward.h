/**
 * Backward passes of single operations, and the forward passes that save what those need.
 * Nothing here makes a gradient of a matrix: those are frozen. Source: PyTorch's formulas.
 * Golden: topic train, operations.
 */
#ifndef AC_TRAINING_BACKWARD_H
#define AC_TRAINING_BACKWARD_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/memory.h"
#include "engine/training/dropout.h"

/**
 * Layer normalisation that saves what its gradient needs: normal = (x - mean) * rstd, y =
 * normal * gamma + beta. Shapes: y, x [N, C]; normal [N, C] and rstd [N], or both NULL (nothing
 * saved). y may be x. Local. Cannot fail.
 */
void ac_layernorm_save(float *y, float *normal, float *rstd, const float *x, const float *gamma,
                       const float *beta, int64_t N, int64_t C, float eps);

/**
 * dx = rstd * (g - mean(g) - normal * mean(g * normal)) with g = dy * gamma; dgamma += sum of
 * dy * normal; dbeta += sum of dy. Shapes: dx, dy, normal [N, C]; rstd [N]; gamma, dgamma,
 * dbeta [C]. dx NULL: not wanted; dx may be dy. dgamma and dbeta both NULL: this norm is
 * frozen. The sums over rows go over blocks of rows in a fixed order, so the bits do not depend
 * on the number of threads. Local. Cannot fail.
 */
void ac_layernorm_backward(float *dx, double *dgamma, double *dbeta, const float *dy,
                           const float *normal, const float *rstd, const float *gamma,
                           int64_t N, int64_t C, ac_scratch *scratch);
size_t ac_layernorm_backward_scratch_bytes(int64_t N, int64_t C);

/**
 * Multi-head attention of B texts of different lengths, no padding: queries of text b are rows
 * q_offsets[b] .. q_offsets[b + 1), keys and values kv_offsets[b] .. kv_offsets[b + 1). Head h
 * of a row is its numbers [h D, (h + 1) D). Queries are scaled by 1 / sqrt(D). causal: a query
 * sees the keys up to its own index. One (text, head) is one thread's work.
 */
typedef struct ac_attention {
    const float *q, *k, *v; /* rows q_row, kv_row, kv_row apart: they may lie side by side in
                               one stacked projection */
    int64_t q_row, kv_row;
    const int64_t *q_offsets, *kv_offsets; /* [B + 1] */
    int64_t B, H, D;
    bool causal;
    ac_dropout dropout;      /* of the weights after the softmax */
    const uint64_t *streams; /* [B]; NULL where dropout is off */
    uint32_t place;
} ac_attention;

/** Shapes: y [q_offsets[B], H D]. Local. Cannot fail. */
void ac_attention_forward(const ac_attention *self, float *y, ac_scratch *scratch);

/**
 * The weights are made again from q and k. Shapes: dy [q_offsets[B], H D]; dq in rows q_row
 * apart; dk, dv in rows kv_row apart; all written, not added to. dq NULL: not wanted. Local.
 * Cannot fail.
 */
void ac_attention_backward(const ac_attention *self, float *dq, float *dk, float *dv,
                           const float *dy, ac_scratch *scratch);

/** For both, queries and keys of a text at most so many. */
size_t ac_attention_scratch_bytes(int64_t longest_q, int64_t longest_kv);

/**
 * Cross-entropy of one row and its gradient, in place: x [V] logits -> (softmax(x) - one at
 * target) * scale.
 * @return -log softmax(x)[target]; NaN where a logit is NaN
 */
double ac_cross_entropy_backward(float *x, int64_t V, int32_t target, float scale);

/** The loss alone. x [V] stays. */
double ac_cross_entropy(const float *x, int64_t V, int32_t target);

#endif
