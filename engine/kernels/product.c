/* Matrix products: packing of rows and columns, blocking. */
#include "engine/kernels/product.h"

#include <string.h>

#include "engine/base/memory.h"
#include "engine/kernels/kernel_set.h"

enum {
    ROWS = AC_PRODUCT_ROWS,
    PANEL = AC_PRODUCT_PANEL,
    DEPTH = AC_PRODUCT_DEPTH,
    WIDEST = AC_PRODUCT_WIDEST,
    STRIP = 512, /* columns packed at a time */
    FEW = 8,     /* rows of which a strip's panels are packed at a time */
    LINE = 16    /* floats of a cache line */
};

/* An even number of panels, so that a kernel may take two. */
int64_t
ac_product_columns(int64_t out)
{
    return (out + WIDEST - 1) / WIDEST * WIDEST;
}

typedef float four __attribute__((vector_size(16)));

static inline four
load_four(const float *p)
{
    four v;

    memcpy(&v, p, sizeof v);
    return v;
}

/* Four rows, four numbers each, to a[k R + 0 … 3], k = 0 … 3. */
static inline void
turn_four(float *a, const float *x, int64_t in, int64_t R)
{
    const four r0 = load_four(x), r1 = load_four(x + in), r2 = load_four(x + 2 * in),
               r3 = load_four(x + 3 * in);
    const four low01 = __builtin_shufflevector(r0, r1, 0, 4, 1, 5),
               low23 = __builtin_shufflevector(r2, r3, 0, 4, 1, 5);
    const four high01 = __builtin_shufflevector(r0, r1, 2, 6, 3, 7),
               high23 = __builtin_shufflevector(r2, r3, 2, 6, 3, 7);
    const four turned[4] = {
        __builtin_shufflevector(low01, low23, 0, 1, 4, 5),
        __builtin_shufflevector(low01, low23, 2, 3, 6, 7),
        __builtin_shufflevector(high01, high23, 0, 1, 4, 5),
        __builtin_shufflevector(high01, high23, 2, 3, 6, 7),
    };

    for (int k = 0; k < 4; k++)
        memcpy(a + k * R, &turned[k], sizeof turned[k]);
}

static inline void
turn_two(float *a, const float *x, int64_t in, int64_t R)
{
    const four r0 = load_four(x), r1 = load_four(x + in);
    const four turned[2] = { __builtin_shufflevector(r0, r1, 0, 4, 1, 5),
                             __builtin_shufflevector(r0, r1, 2, 6, 3, 7) };

    for (int k = 0; k < 4; k++)
        memcpy(a + k * R, (const char *) turned + k * 8, 8);
}

/* R rows of x side by side, k by k: a [K, R]. */
static void
pack_group(float *a, ac_matrix matrix, int64_t R, int64_t K)
{
    const float *x = matrix.x;
    const int64_t in = matrix.row;
    int64_t i = 0;

    if (matrix.column != 1) { /* a transposed matrix: its rows' neighbours lie together */
        for (int64_t k = 0; k < K; k++)
            for (int64_t r = 0; r < R; r++)
                a[k * R + r] = x[r * matrix.row + k * matrix.column];
        return;
    }

    for (; i + 4 <= R; i += 4) {
        int64_t k = 0;
        for (; k + 4 <= K; k += 4) {
            if (k % LINE == 0) /* the next group's */
                for (int64_t j = i + R; j < i + R + 4; j++)
                    __builtin_prefetch(x + j * in + k);
            turn_four(a + k * R + i, x + i * in + k, in, R);
        }
        for (; k < K; k++)
            for (int64_t j = i; j < i + 4; j++)
                a[k * R + j] = x[j * in + k];
    }
    for (; i + 2 <= R; i += 2) {
        int64_t k = 0;
        for (; k + 4 <= K; k += 4)
            turn_two(a + k * R + i, x + i * in + k, in, R);
        for (; k < K; k++)
            for (int64_t j = i; j < i + 2; j++)
                a[k * R + j] = x[j * in + k];
    }
    for (int64_t k = 0; k < K && i < R; k++)
        a[k * R + i] = x[i * in + k];
}

void
ac_product_pack_rows(float *a, ac_matrix x, int64_t rows, int64_t K, int64_t most)
{
    for (int64_t r = 0; r < rows; r += most) {
        const int64_t R = rows - r < most ? rows - r : most;
        pack_group(a, (ac_matrix){ x.x + r * x.row, x.row, x.column }, R, K);
        a += R * K;
    }
}

void
ac_product_block(float *y, int64_t ldy, const float *a, const float *b, int64_t stride,
                 int64_t next, int64_t K, int64_t R, int64_t columns, bool add, float *edge)
{
    const ac_product *kernels = ac_kernels()->product;
    const int64_t width = kernels->panels * PANEL;
    const ac_product_ahead ahead = { b + next, PANEL * sizeof *b, false };

    if (columns >= width) {
        kernels->fp32(y, ldy, a, b, stride, K, (int) R, add, ahead);
        return;
    }
    for (int64_t r = 0; r < R && add; r++)
        memcpy(edge + r * width, y + r * ldy, (size_t) columns * sizeof(float));
    kernels->fp32(edge, width, a, b, stride, K, (int) R, add, ahead);
    for (int64_t r = 0; r < R; r++)
        memcpy(y + r * ldy, edge + r * width, (size_t) columns * sizeof(float));
}

size_t
ac_product_rows_scratch_bytes(void)
{
    return ac_scratch_room(AC_PRODUCT_MOST_ROWS * (DEPTH + WIDEST) * sizeof(float));
}

void
ac_product_rows(float *y, int64_t y_row, const float *x, int64_t x_row, int64_t R,
                const float *b, int64_t out, int64_t in, void *scratch)
{
    const ac_product *kernels = ac_kernels()->product;
    const int64_t width = kernels->panels * PANEL;
    float *a = scratch, *edge = a + AC_PRODUCT_MOST_ROWS * DEPTH;

    for (int64_t k = 0; k < in; k += DEPTH) {
        const int64_t K = in - k < DEPTH ? in - k : DEPTH;
        ac_product_pack_rows(a, (ac_matrix){ x + k, x_row, 1 }, R, K, R);
        for (int64_t c = 0; c < out; c += width)
            ac_product_block(y + c, y_row, a, b + c * in + k * PANEL, PANEL * in, width * in, K,
                             R, out - c, k > 0, edge);
    }
}

/* One panel of n columns, [K, PANEL]; zeros after them. */
static void
pack_panel(float *y, ac_matrix b, int64_t K, int64_t n)
{
    if (n == PANEL && b.column == 1) { /* copies of a known size, which become moves */
        for (int64_t k = 0; k < K; k++) {
            __builtin_prefetch(b.x + (k + FEW) * b.row);
            memcpy(y + k * PANEL, b.x + k * b.row, PANEL * sizeof *y);
        }
        return;
    }
    if (n == PANEL && b.row == 1) {
        pack_group(y, (ac_matrix){ b.x, b.column, 1 }, PANEL, K);
        return;
    }
    if (n < PANEL)
        memset(y, 0, (size_t) (K * PANEL) * sizeof *y);
    if (b.column == 1)
        for (int64_t k = 0; k < K; k++)
            memcpy(y + k * PANEL, b.x + k * b.row, (size_t) n * sizeof *y);
    else
        for (int64_t c = 0; c < n; c++)
            for (int64_t k = 0; k < K; k++)
                y[k * PANEL + c] = b.x[k * b.row + c * b.column];
}

/* N columns of b [K, N], as panels; an even number of them. A few rows of b at a time, so that
 * they stay in L1 while the panels take what is theirs. */
static void
pack_columns(float *y, ac_matrix b, int64_t K, int64_t N)
{
    const int64_t step = b.column == 1 && N % WIDEST == 0 ? FEW : K,
                  all = ac_product_columns(N);

    for (int64_t k = 0; k < K; k += step)
        for (int64_t p = 0; p < all; p += PANEL)
            pack_panel(y + p * K + k * PANEL,
                       (ac_matrix){ b.x + k * b.row + p * b.column, b.row, b.column },
                       K - k < step ? K - k : step,
                       N - p < 0       ? 0
                       : N - p < PANEL ? N - p
                                       : PANEL);
}

size_t
ac_product_scratch_bytes(void)
{
    return ac_scratch_room(((ROWS + STRIP) * DEPTH + AC_PRODUCT_MOST_ROWS * WIDEST) *
                           sizeof(float));
}

/* Rows [0, M) of y [M, N <= STRIP], over one DEPTH of k; columns: b, packed. */
static void
multiply_strip(float *y, int64_t y_row, ac_matrix a, const float *columns, int64_t M, int64_t N,
               int64_t K, bool add, float *rows, float *edge)
{
    const ac_product *kernels = ac_kernels()->product;
    const int64_t width = kernels->panels * PANEL;

    for (int64_t m = 0; m < M; m += ROWS) {
        const int64_t block = M - m < ROWS ? M - m : ROWS;
        ac_product_pack_rows(rows, (ac_matrix){ a.x + m * a.row, a.row, a.column }, block, K,
                             kernels->rows);
        for (int64_t n = 0; n < N; n += width)
            for (int64_t r = 0; r < block; r += kernels->rows)
                ac_product_block(y + (m + r) * y_row + n, y_row, rows + r * K, columns + n * K,
                                 K * PANEL, width * K, K,
                                 block - r < kernels->rows ? block - r : kernels->rows, N - n,
                                 add, edge);
    }
}

void
ac_product_multiply(float *y, int64_t y_row, ac_matrix a, ac_matrix b, int64_t M, int64_t N,
                    int64_t K, bool add, void *scratch)
{
    float *rows = scratch, *columns = rows + ROWS * DEPTH, *edge = columns + STRIP * DEPTH;

    for (int64_t n = 0; n < N; n += STRIP) {
        const int64_t width = N - n < STRIP ? N - n : STRIP;
        for (int64_t k = 0; k < K; k += DEPTH) {
            const int64_t depth = K - k < DEPTH ? K - k : DEPTH;
            pack_columns(columns,
                         (ac_matrix){ b.x + k * b.row + n * b.column, b.row, b.column }, depth,
                         width);
            multiply_strip(y + n, y_row, (ac_matrix){ a.x + k * a.column, a.row, a.column },
                           columns, M, width, depth, add || k > 0, rows, edge);
        }
    }
}
