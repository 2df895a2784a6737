/** Layer norm, softmax and attention. Source of the formulas: PyTorch, transformers. */
#ifndef AC_KERNELS_KERNELS_H
#define AC_KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/memory.h"

/**
 * Layer normalisation over the last axis: y = (x - mean) * rstd * gamma + beta, biased
 * variance. Shapes: x, y [N, C]; gamma, beta [C]. Local. Cannot fail. y may be x.
 * @param[in] eps  added to the variance before the root
 */
void ac_layernorm(float *y, const float *x, const float *gamma, const float *beta, int64_t N,
                  int64_t C, float eps);

/**
 * Root-mean-square normalisation: y = x / sqrt(mean(x^2) + eps) * gamma of each row. Shapes: x,
 * y [N, C], gamma [C]; y may be x. One thread.
 */
void ac_rmsnorm(float *y, const float *x, const float *gamma, int64_t N, int64_t C, float eps);

/** y = x / |x| of each row; a zero row stays. Shapes: y, x [N, C]; y may be x. */
void ac_normalize(float *y, const float *x, int64_t N, int64_t C);

/** In place, one row: x[n] becomes softmax(x). */
void ac_softmax(float *x, int64_t n);

/**
 * Multi-head self-attention over texts of different lengths, no padding, from one stacked
 * projection. Shapes: y [T, C]; qkv [T, 3 C] (query, key, value side by side); offsets [B + 1],
 * offsets[B] = T; C = H * D. Queries are scaled by 1 / sqrt(D). causal: a token sees itself and
 * those before it. One (text, head) is one thread's work, so the bits do not depend on the
 * number of threads. Local. Cannot fail.
 */
void ac_self_attention(float *y, const float *qkv, const int64_t *offsets, int64_t B, int64_t H,
                       int64_t D, bool causal, ac_scratch *scratch);
/** For texts of at most `longest` tokens. */
size_t ac_self_attention_scratch_bytes(int64_t longest, int64_t D);

/**
 * One head's keys and values of T tokens, laid out for products: keys [ac_attention_keys_size],
 * values [ac_attention_values_size] floats. k, v: D numbers per token, rows `row` apart.
 */
int64_t ac_attention_keys_size(int64_t T, int64_t D);
int64_t ac_attention_values_size(int64_t T, int64_t D);
void ac_attention_pack(float *keys, float *values, const float *k, const float *v, int64_t row,
                       int64_t T, int64_t D);

/**
 * One head, R queries over packed keys and values: y [R, D] = softmax(q k / sqrt(D)) v. A row's
 * bits do not depend on R.
 * @param[in] first    -1: every query sees all T tokens; else query r sees tokens 0 … first + r
 * @param[in] scratch  ac_attention_rows_scratch_bytes(T), of this thread
 */
void ac_attention_rows(float *y, int64_t y_row, const float *q, int64_t q_row, int64_t R,
                       const float *keys, const float *values, int64_t T, int64_t D,
                       int64_t first, void *scratch);
size_t ac_attention_rows_scratch_bytes(int64_t T);

/** The definitions, for the tests. */
void ac_layernorm_ref(float *y, const float *x, const float *gamma, const float *beta,
                      int64_t N, int64_t C, float eps);
void ac_self_attention_ref(float *y, const float *qkv, const int64_t *offsets, int64_t B,
                           int64_t H, int64_t D, bool causal);

/** dot(a, b), in an order that depends on n and the CPU alone. */
float ac_dot(const float *a, const float *b, int64_t n);
/**
 * So many rounds of multiply-adds on registers alone, of one thread: what the CPU can do.
 * @param[out] sum  depends on all of them, so that no compiler leaves them out
 * @return floating-point operations done, two per multiply-add
 */
double ac_multiply_adds(int64_t rounds, float *sum);
/** y += s x */
void ac_axpy(float *y, float s, const float *x, int64_t n);

#endif
