/* Our own products: packing, blocking, and the choice of a kernel.
 *
 * A number of y is the sum, in order, of one chain of fused multiply-adds for each
 * AC_NATIVE_DEPTH of k. Neither tiles, nor threads, nor the number of rows enter into it: a
 * row's bits follow from the row and the weights alone. */
#include "engine/linear/linear_native.h"

#include <string.h>

#include "engine/linear/linear_backend.h"

enum { ROWS = 96, PANEL = AC_NATIVE_PANEL, DEPTH = AC_NATIVE_DEPTH, WIDEST = 2 * PANEL };

const ac_native_kernels *
ac_native_best(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f"))
        return &ac_native_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &ac_native_avx2;
#endif
    return &ac_native_generic;
}

static size_t
element_bytes(ac_precision precision)
{
    return precision == AC_PRECISION_BF16 ? sizeof(uint16_t) : sizeof(float);
}

/* An even number of panels, so that a kernel may take two. */
int64_t
ac_native_columns(int64_t out)
{
    return (out + WIDEST - 1) / WIDEST * WIDEST;
}

static size_t
weight_bytes(ac_precision precision, int64_t out, int64_t in)
{
    return (size_t) (ac_native_columns(out) * in) * element_bytes(precision);
}

static ac_status
init(ac_linear *self)
{
    self->plan = NULL;
    return AC_OK;
}

static void
pack(const ac_linear *self, void *packed, const float *weight, int64_t column, int64_t columns)
{
    const int64_t K = self->in, last = column + columns == self->out
                                           ? ac_native_columns(self->out) - column
                                           : columns;
    const bool narrow = self->compute.precision == AC_PRECISION_BF16;

    for (int64_t p = 0; p < last; p += PANEL) {
        float *wide = (float *) packed + (column + p) * K;
        uint16_t *half = (uint16_t *) packed + (column + p) * K;
        for (int64_t k = 0; k < K; k++)
            for (int64_t c = 0; c < PANEL; c++) {
                const float w = p + c < columns ? weight[(p + c) * K + k] : 0;
                if (narrow)
                    half[k * PANEL + c] = ac_f32_to_bf16(w);
                else
                    wide[k * PANEL + c] = w;
            }
    }
}

static void
tiling(const ac_linear *self, int64_t M, int threads, int64_t *rows, int64_t *columns)
{
    const int64_t blocks = (M + ROWS - 1) / ROWS;

    *rows = ROWS;
    *columns = AC_LINEAR_STRIP;
    while (threads > 1 && *columns > 2 * WIDEST &&
           blocks * ((self->out + *columns - 1) / *columns) < 4 * threads)
        *columns /= 2;
}

static size_t
tile_scratch_bytes(const ac_linear *self)
{
    (void) self;
    return sizeof(float) * (ROWS * DEPTH + AC_NATIVE_MOST_ROWS * WIDEST);
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
pack_group(float *a, const float *x, int64_t in, int64_t R, int64_t K)
{
    int64_t i = 0;

    for (; i + 4 <= R; i += 4) {
        int64_t k = 0;
        for (; k + 4 <= K; k += 4)
            turn_four(a + k * R + i, x + i * in + k, in, R);
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

/* Groups of `most` rows, one after the other; the last has as many as are left. */
static void
pack_rows(float *a, const float *x, int64_t in, int64_t rows, int64_t K, int64_t most)
{
    for (int64_t r = 0; r < rows; r += most) {
        const int64_t R = rows - r < most ? rows - r : most;
        pack_group(a, x + r * in, in, R, K);
        a += R * K;
    }
}

/* One group of rows by the kernel's panels; past the layer's last column through a buffer. */
static void
block(const ac_native_kernels *kernels, ac_native_kernel kernel, float *y, int64_t ldy,
      const float *a, const void *b, int64_t stride, int64_t K, int64_t R, int64_t columns,
      bool add, float *edge)
{
    const int64_t width = kernels->panels * PANEL;

    if (columns >= width) {
        kernel(y, ldy, a, b, stride, K, (int) R, add);
        return;
    }
    for (int64_t r = 0; r < R && add; r++)
        memcpy(edge + r * width, y + r * ldy, (size_t) columns * sizeof(float));
    kernel(edge, width, a, b, stride, K, (int) R, add);
    for (int64_t r = 0; r < R; r++)
        memcpy(y + r * ldy, edge + r * width, (size_t) columns * sizeof(float));
}

size_t
ac_native_rows_scratch_bytes(void)
{
    return ac_scratch_room(AC_NATIVE_MOST_ROWS * (DEPTH + WIDEST) * sizeof(float));
}

void
ac_native_rows(float *y, int64_t y_row, const float *x, int64_t x_row, int64_t R,
               const float *b, int64_t out, int64_t in, void *scratch)
{
    const ac_native_kernels *kernels = ac_native_best();
    float *a = scratch, *edge = a + AC_NATIVE_MOST_ROWS * DEPTH;

    for (int64_t k = 0; k < in; k += DEPTH) {
        const int64_t K = in - k < DEPTH ? in - k : DEPTH;
        pack_rows(a, x + k, x_row, R, K, R);
        for (int64_t c = 0; c < out; c += kernels->panels * PANEL)
            block(kernels, kernels->fp32, y + c, y_row, a, b + c * in + k * PANEL, PANEL * in,
                  K, R, out - c, k > 0, edge);
    }
}

static void
tile(const ac_linear *self, const ac_linear_tile *t, void *scratch)
{
    const ac_native_kernels *kernels = ac_native_best();
    const bool narrow = self->compute.precision == AC_PRECISION_BF16;
    const ac_native_kernel kernel = narrow ? kernels->bf16 : kernels->fp32;
    const size_t each = element_bytes(self->compute.precision);
    const int64_t in = self->in, width = kernels->panels * PANEL;
    float *a = scratch, *edge = a + ROWS * DEPTH;

    for (int64_t k = 0; k < in; k += DEPTH) {
        const int64_t K = in - k < DEPTH ? in - k : DEPTH;
        pack_rows(a, t->x + k, in, t->rows, K, kernels->rows);
        for (int64_t c = 0; c < t->columns; c += width) {
            const char *b = (const char *) self->packed +
                            (size_t) ((t->column + c) * in + k * PANEL) * each;
            const float *group = a;
            for (int64_t r = 0; r < t->rows; r += kernels->rows) {
                const int64_t R = t->rows - r < kernels->rows ? t->rows - r : kernels->rows;
                block(kernels, kernel, t->y + r * self->out + c, self->out, group, b,
                      PANEL * in, K, R, t->columns - c, k > 0, edge);
                group += R * K;
            }
        }
    }
}

const ac_linear_backend ac_linear_native = { weight_bytes,       init, NULL, pack, tiling,
                                             tile_scratch_bytes, tile };
