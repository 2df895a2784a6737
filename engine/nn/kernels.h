/** Layer norm, softmax and attention. Source of the formulas: PyTorch, transformers. */
#ifndef AC_ENGINE_NN_KERNELS_H
#define AC_ENGINE_NN_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/memory.h"

/**
 * Layer normalisation over the last axis: y = (x - mean) * rstd * gamma + beta, biased variance.
 * Shapes: x, y [N, C]; gamma, beta [C]. Local. Cannot fail. y may be x.
 * @param[in] eps  added to the variance before the root
 */
void ac_layernorm(float *y, const float *x, const float *gamma, const float *beta, int64_t N, int64_t C, float eps);

/** y = x / |x| of each row; a zero row stays. Shapes: y, x [N, C]; y may be x. */
void ac_normalize(float *y, const float *x, int64_t N, int64_t C);

/** In place, one row: x[n] becomes softmax(x). */
void ac_softmax(float *x, int64_t n);

/**
 * Multi-head self-attention over texts of different lengths, no padding, from one stacked projection.
 * Shapes: y [T, C]; qkv [T, 3 C] (query, key, value side by side); offsets [B + 1], offsets[B] = T; C = H * D.
 * Queries are scaled by 1 / sqrt(D). causal: a token sees itself and those before it.
 * One (text, head) is one thread's work, so the bits do not depend on the number of threads. Local. Cannot fail.
 */
void ac_self_attention(float *y, const float *qkv, const int64_t *offsets, int64_t B, int64_t H, int64_t D, bool causal,
                       ac_scratch *scratch);
/** For texts of at most `longest` tokens. */
size_t ac_self_attention_scratch_bytes(int64_t longest);

/** dot(a, b), in an order that depends on n and the CPU alone. */
float ac_dot(const float *a, const float *b, int64_t n);
/** y += s x */
void ac_axpy(float *y, float s, const float *x, int64_t n);

#endif
