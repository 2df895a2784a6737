/** Our own matrix product over packed weights. Private to engine/linear. */
#ifndef AC_LINEAR_LINEAR_NATIVE_H
#define AC_LINEAR_LINEAR_NATIVE_H

#include <stddef.h>
#include <stdint.h>

/* Weights lie in panels of PANEL columns, a panel [in, PANEL]; their number is even, columns
 * past the last are zero. */
enum { AC_NATIVE_PANEL = 16, AC_NATIVE_DEPTH = 256, AC_NATIVE_MOST_ROWS = 12 };

/**
 * R rows by 1 or 2 panels of columns over K <= AC_NATIVE_DEPTH: y = a b, or y += a b with
 * `add`. Shapes: a [K, R] (packed); b [K, PANEL], the next panel `stride` elements further; y
 * [R, panels PANEL], rows ldy apart. Each number is one chain of fused multiply-adds in the
 * order of k, so it does not depend on R, nor on the kernel.
 */
typedef void (*ac_native_kernel)(float *y, int64_t ldy, const float *a, const void *b,
                                 int64_t stride, int64_t K, int R, int add);

typedef struct ac_native_kernels {
    const char *name;
    int rows, panels; /* the most R; panels a call takes */
    ac_native_kernel fp32, bf16;
} ac_native_kernels;

extern const ac_native_kernels ac_native_generic;
#if defined(__x86_64__)
extern const ac_native_kernels ac_native_avx2;
extern const ac_native_kernels ac_native_avx512;
#endif

/** The fastest that this CPU runs. */
const ac_native_kernels *ac_native_best(void);

/** Columns with those that fill the last panels up: what a packed matrix of `out` columns has.
 */
int64_t ac_native_columns(int64_t out);

/**
 * R <= the kernels' rows: y [R, out] = x [R, in] times a packed fp32 matrix b
 * [ac_native_columns(out), in]; rows of y, x y_row, x_row apart; scratch of
 * ac_native_rows_scratch_bytes().
 */
void ac_native_rows(float *y, int64_t y_row, const float *x, int64_t x_row, int64_t R,
                    const float *b, int64_t out, int64_t in, void *scratch);
size_t ac_native_rows_scratch_bytes(void);

#endif
