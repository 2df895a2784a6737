/**
 * Products over weights that stay quantized: expanded in registers, or a panel at a time into a
 * cache. The numbers are those of the expanded matrix and every sum is the chain of product.h,
 * so the bits are those of the product over expanded weights.
 */
#ifndef AC_KERNELS_QUANTIZED_H
#define AC_KERNELS_QUANTIZED_H

#include <stddef.h>

#include "engine/base/quants.h"
#include "engine/kernels/product.h"

/*
 * A packed piece: AC_PRODUCT_PANEL columns by K <= AC_PRODUCT_DEPTH numbers, K a multiple of
 * AC_QUANTS_UNIT; K = AC_PRODUCT_DEPTH = 256 is one block where blocks have groups. First the
 * scales, each for all columns side by side:
 *   without groups  per unit: fp16 scale, fp16 least
 *   with groups     fp16 scale, fp16 least; per group: int8 scale, uint8 least
 * (no leasts where the kind has none), padded to 64 bytes; then per unit the codes: for each
 * column `bits` words of 32 bits, the codes of 32 numbers one after the other from the lowest
 * bit on; word 0 of all columns, word 1 of all columns …
 */

/** Bytes of the scales of a piece, and of all of it; multiples of 64. */
static inline size_t
ac_quantized_scale_bytes(ac_quants_shape shape, int64_t K)
{
    const size_t units = (size_t) K / AC_QUANTS_UNIT, both = shape.has_least ? 2 : 1,
                 halves = AC_PRODUCT_PANEL * sizeof(uint16_t) * both;
    const size_t bytes = shape.groups
                             ? halves + units * (size_t) shape.groups * AC_PRODUCT_PANEL * both
                             : units * halves;

    return (bytes + 63) & ~(size_t) 63;
}

static inline size_t
ac_quantized_piece_bytes(ac_quants_shape shape, int64_t K)
{
    return ac_quantized_scale_bytes(shape, K) +
           (size_t) (K / AC_QUANTS_UNIT * shape.bits) * AC_PRODUCT_PANEL * sizeof(uint32_t);
}

/** Write column `column` of a piece from its blocks: K numbers, block by block. */
void ac_quantized_pack(void *piece, const ac_quants *quants, int64_t K, int column,
                       const ac_quants_block *block, int64_t first);

/** Kernels of one kind. A row of pieces lies one after the other. */
typedef struct ac_quantized_kernel {
    /** y [panels PANEL] = a [K] times the pieces of `panels` panels, or y += with `add`. */
    void (*row)(float *y, const float *a, const void *pieces, int64_t K, int64_t panels,
                int add);
    /** to [K, PANEL] = the numbers of one piece. */
    void (*expand)(float *to, const void *piece, int64_t K);
} ac_quantized_kernel;

/** By kind: [AC_QUANTS_COUNT]. */
extern const ac_quantized_kernel ac_quantized_generic[];
#if defined(__x86_64__)
extern const ac_quantized_kernel ac_quantized_avx2[], ac_quantized_avx512[];
#endif

#endif
