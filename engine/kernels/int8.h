/**
 * Products of a matrix of rows and a matrix of columns, both quantized to 8 bits, by one
 * micro-kernel per instruction set.
 *
 * A column is quantized symmetrically: w = scale W with integers |W| <= 127. A row is quantized
 * asymmetrically: x = step (q - zero) with integers 0 <= q <= 255, whose range is that of the
 * row's numbers and 0, so that 0 is exact. The sum of q W is exact in 32 bits, therefore the
 * same in any order. It is dequantized by
 *
 *     y = activation((sum(q W) - zero sum(W)) * (step * scale) + bias [+ before]) [+ residual]
 *
 * with two fused multiply-adds. Activations have polynomials of their own, which agree with
 * those of activation.h to 1e-5 of x: more exact ones would take as long as the product, and
 * the layer that reads y rounds it to 8 bits.
 *
 * Every instruction set gives the same bits, and a row of y depends on its row of x alone
 * (docs/adr/0207-int8-products.md).
 */
#ifndef AC_KERNELS_INT8_H
#define AC_KERNELS_INT8_H

#include <stddef.h>
#include <stdint.h>

#include "engine/kernels/activation.h"

enum {
    AC_INT8_PANEL = 16,        /* columns packed side by side: [K / 4, PANEL, 4] */
    AC_INT8_WIDTH = 32,        /* columns a kernel takes: two panels */
    AC_INT8_MOST_ROWS = 32,    /* rows of the tallest kernel */
    AC_INT8_DEPTH = 64,        /* K is padded with zeros to a multiple of it */
    AC_INT8_MOST_IN = 1 << 16, /* K; 255 * 127 * K < 2^31 */
    AC_INT8_MOST_HEAD = 256    /* D of attention */
};

/** A packed matrix, or its columns from a multiple of WIDTH on. */
typedef struct ac_int8_matrix {
    const int8_t *weights; /* panels [depth / 4, PANEL, 4], one after the other */
    const float *scales;   /* [columns] */
    const int32_t *sums;   /* [columns]: sum(W) */
    int64_t depth;         /* K, padded */
} ac_int8_matrix;

/** Quantized rows: q in the type that the kernel set in use wants, rows `bytes` apart. */
typedef struct ac_int8_rows {
    void *q;
    float *steps;   /* [rows] */
    int32_t *zeros; /* [rows] */
    size_t bytes;
} ac_int8_rows;

/** Where a product goes: y [rows, columns], rows `stride` floats apart, as is residual's. */
typedef struct ac_int8_result {
    float *y;
    const float *bias;     /* [columns], or NULL: zeros */
    const float *before;   /* added before the activation: y itself, or NULL */
    const float *residual; /* or NULL */
    int64_t stride, rows, columns;
    ac_activation activation;
} ac_int8_result;

typedef struct ac_int8 {
    int each; /* bytes per number of q */
    /** x [rows, K], rows `stride` floats apart -> rows of `out`; numbers after K are zeros. A
     * row with a number that is not finite gets the step NaN, so its y are NaN. */
    void (*quantize)(const ac_int8_rows *out, const float *x, int64_t stride, int64_t rows,
                     int64_t K);
    /** One thread; no scratch. */
    void (*multiply)(const ac_int8_result *out, const ac_int8_rows *rows,
                     const ac_int8_matrix *matrix);
    /** For attention (int8_attention.h), where a matrix is made of activations. D is a multiple
     * of PANEL.
     * x [T, D], rows `stride` apart, minus its mean over T, as a matrix of T columns [T, D],
     * its scales times `by`. */
    void (*pack_keys)(void *packed, const float *x, int64_t stride, int64_t T, int64_t D,
                      float by);
    /** x as before, as a matrix of D columns [D, T]; means [D]: what was subtracted. */
    void (*pack_values)(void *packed, float *means, const float *x, int64_t stride, int64_t T,
                        int64_t D);
    /** n numbers from 0 to 1, n a multiple of PANEL -> 255 times each, rounded; zeros after n.
     */
    void (*round_shares)(void *q, const float *x, int64_t n);
} ac_int8;

extern const ac_int8 ac_int8_generic;
#if defined(__x86_64__)
extern const ac_int8 ac_int8_avx2, ac_int8_avx_vnni, ac_int8_avx512, ac_int8_avx512_vnni,
    ac_int8_amx;
#endif

/** K, padded. */
int64_t ac_int8_depth(int64_t K);

/** Bytes between rows of q: K, padded, and one more cache line, so that rows do not compete for
 * the same cache sets. */
size_t ac_int8_row_bytes(int64_t K);

/** Columns, padded to whole widths. */
int64_t ac_int8_columns(int64_t columns);

/** Bytes of a packed matrix [columns, K], with its scales and sums. */
size_t ac_int8_packed_bytes(int64_t columns, int64_t K);

/** Views into a packed matrix, from column `first` on, a multiple of WIDTH. */
ac_int8_matrix ac_int8_view(const void *packed, int64_t columns, int64_t K, int64_t first);

/**
 * Round columns [first, first + n) of a matrix of `columns`, weight [n, K], its rows `stride`
 * apart, into `packed`;
 * first is a multiple of WIDTH, and n too but for the last columns. A column that holds a
 * number that is not finite gets the scale NaN.
 */
void ac_int8_pack(void *packed, int64_t columns, int64_t K, const float *weight, int64_t stride,
                  int64_t first, int64_t n);

/** The definition without an activation, number by number, for the tests: y [M, N] of x [M, K],
 * weight [N, K], bias [N] or NULL, residual [M, N] or NULL. */
void ac_int8_ref(float *y, const float *x, const float *weight, const float *bias,
                 const float *residual, int64_t M, int64_t N, int64_t K);

#endif
