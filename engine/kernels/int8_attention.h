/**
 * Attention with integer products, for int8 (int8.h; docs/adr/0207-int8-products.md): queries
 * are rounded by row, keys by position, less their mean over positions, which moves all scores
 * of a query alike and so changes no weight. The softmax is fp32. A weight is rounded to a
 * 255th of its row's largest, values by channel, less their mean, which is added in fp32:
 *
 *     y = mean + sum(round(255 e) V) * (scale / (255 sum(e))),    e = exp(score - largest)
 *
 * so what rounding takes from small weights goes to the mean.
 */
#ifndef AC_KERNELS_INT8_ATTENTION_H
#define AC_KERNELS_INT8_ATTENTION_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/memory.h"

/** Is there one for heads of D numbers over at most `longest` positions? */
bool ac_int8_attention_has(int64_t longest, int64_t D);

/**
 * Self-attention as ac_self_attention's (kernels.h), every position seen by all. Shapes: y [T,
 * C]; qkv [T, 3 C]; offsets [B + 1], offsets[B] = T; C = H * D. A row with a number that is not
 * finite makes the rows NaN that it has a part in. Local. Cannot fail.
 */
void ac_int8_self_attention(float *y, const float *qkv, const int64_t *offsets, int64_t B,
                            int64_t H, int64_t D, ac_scratch *scratch);
size_t ac_int8_self_attention_scratch_bytes(int64_t longest, int64_t D);

#endif
