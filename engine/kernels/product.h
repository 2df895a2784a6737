/**
 * Matrix products by one micro-kernel per instruction set.
 *
 * A number of the result is the sum, in order, of one chain of fused multiply-adds for each
 * AC_PRODUCT_DEPTH of k. Neither tiles, nor threads, nor the number of rows, nor the kernel
 * enter into it: a row's bits follow from the row and the matrix alone.
 */
#ifndef AC_KERNELS_PRODUCT_H
#define AC_KERNELS_PRODUCT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Packed columns lie in panels of PANEL, a panel [K, PANEL]; a kernel takes one or two of them.
 */
enum {
    AC_PRODUCT_PANEL = 16,
    AC_PRODUCT_WIDEST = 2 * AC_PRODUCT_PANEL, /* columns of the widest kernel */
    AC_PRODUCT_DEPTH = 256,                   /* of k at a time */
    AC_PRODUCT_MOST_ROWS = 12,                /* rows of the tallest kernel */
    AC_PRODUCT_FEW = 4,  /* up to so many rows a line of each panel is fetched per k */
    AC_PRODUCT_ROWS = 96 /* rows packed at a time */
};

/** What is multiplied next, fetched ahead: `at`, and for each k what is `step` bytes further.
 * soon: a little further on in the same panels, which are read once; for several panels and
 * more than AC_PRODUCT_FEW rows. */
typedef struct ac_product_ahead {
    const void *at;
    int64_t step;
    bool soon;
} ac_product_ahead;

/**
 * R rows by 1 or 2 panels of columns over K <= AC_PRODUCT_DEPTH: y = a b, or y += a b with
 * `add`. Shapes: a [K, R] (packed); b [K, PANEL], the next panel `stride` elements further; y
 * [R, panels PANEL], rows ldy apart. Each number is one chain of fused multiply-adds in the
 * order of k, so it does not depend on R, nor on the kernel.
 */
typedef void (*ac_product_kernel)(float *y, int64_t ldy, const float *a, const void *b,
                                  int64_t stride, int64_t K, int R, int add,
                                  ac_product_ahead ahead);

typedef struct ac_product {
    int rows, panels;                            /* the most R; panels a call takes */
    ac_product_kernel fp32, bf16, fp16;          /* by the type of b */
    const struct ac_quantized_kernel *quantized; /* by kind; quantized.h */
} ac_product;

extern const ac_product ac_product_generic;
#if defined(__x86_64__)
extern const ac_product ac_product_avx2, ac_product_avx512;
#endif

/** A view of floats: element (i, j) is x[i row + j column]. */
typedef struct ac_matrix {
    const float *x;
    int64_t row, column;
} ac_matrix;

/** Columns with those that fill the last panels up, an even number of panels. */
int64_t ac_product_columns(int64_t out);

/** Rows of x [rows, K] for the kernels: groups of `most` rows one after the other, each [K, R],
 * the last with as many rows as are left. */
void ac_product_pack_rows(float *a, ac_matrix x, int64_t rows, int64_t K, int64_t most);

/** The fp32 kernel on one group of rows; of its columns only `columns` are written. What is
 * multiplied next lies `next` elements further than b. edge: scratch of MOST_ROWS * WIDEST
 * floats. */
void ac_product_block(float *y, int64_t ldy, const float *a, const float *b, int64_t stride,
                      int64_t next, int64_t K, int64_t R, int64_t columns, bool add,
                      float *edge);

/**
 * R <= the kernels' rows: y [R, out] = x [R, in] times a packed fp32 matrix b
 * [ac_product_columns(out), in]; rows of y, x y_row, x_row apart; scratch of
 * ac_product_rows_scratch_bytes().
 */
void ac_product_rows(float *y, int64_t y_row, const float *x, int64_t x_row, int64_t R,
                     const float *b, int64_t out, int64_t in, void *scratch);
size_t ac_product_rows_scratch_bytes(void);

/**
 * y [M, N] = a [M, K] b [K, N], or y += a b with `add`; rows of y y_row apart; nothing packed
 * before. One thread. scratch: ac_product_scratch_bytes().
 */
void ac_product_multiply(float *y, int64_t y_row, ac_matrix a, ac_matrix b, int64_t M,
                         int64_t N, int64_t K, bool add, void *scratch);
size_t ac_product_scratch_bytes(void);

#endif
