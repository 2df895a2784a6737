/**
 * Attention with products of 8-bit integers (int8.h; docs/adr/0207-int8-products.md).
 *
 * Queries are quantized by row. Keys are quantized by position, after their mean over positions
 * is subtracted: that shifts all scores of a query alike, which the softmax ignores. The
 * softmax is computed in fp32. Weights are rounded to 255ths of their row's largest. Values are
 * quantized by channel, after their mean over positions is subtracted; it is added again in
 * fp32:
 *
 *     y = mean + sum(round(255 e) V) * (scale / (255 sum(e))),    e = exp(score - largest)
 *
 * So what rounding takes from small weights goes to the mean.
 */
#ifndef AC_KERNELS_INT8_ATTENTION_H
#define AC_KERNELS_INT8_ATTENTION_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/memory.h"

/** Does it support heads of size D over at most `longest` positions? */
bool ac_int8_attention_has(int64_t longest, int64_t D);

/**
 * Self-attention as ac_self_attention's (kernels.h), every position seen by all. Shapes: y [T,
 * C]; qkv [T, 3 C]; offsets [B + 1], offsets[B] = T; C = H * D. Numbers that are not finite
 * make every row of y that depends on them NaN. Local. Cannot fail.
 */
void ac_int8_self_attention(float *y, const float *qkv, const int64_t *offsets, int64_t B,
                            int64_t H, int64_t D, ac_scratch *scratch);
size_t ac_int8_self_attention_scratch_bytes(int64_t longest, int64_t D);

#endif
