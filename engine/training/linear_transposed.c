#include "engine/training/linear_transposed.h"

#include <omp.h>
#include <stdlib.h>

#include "engine/kernels/kernel_set.h"
#include "engine/kernels/product.h"
#include "engine/kernels/vector.h"

/* Of a tile: the weights of its columns are packed once for all of its rows, so it is tall. */
enum { MOST_ROWS = 10 * AC_PRODUCT_ROWS, LEAST_ROWS = 192, COLUMNS = 512, LEAST_COLUMNS = 128 };

size_t
ac_linear_transposed_packed_bytes(const ac_compute *compute, int64_t out, int64_t in)
{
    if (compute->precision != AC_PRECISION_FP32)
        return ac_linear_packed_bytes(compute, in, out);
    return ac_scratch_room((size_t) (out * in) * sizeof(float));
}

/* W^T [in, out] of the stacked parts. */
static void
transpose(float *y, const float *weight, int64_t out, int64_t in)
{
    enum { TILE = 16 };

#pragma omp parallel for
    for (int64_t i = 0; i < in; i += TILE)
        for (int64_t o = 0; o < out; o += TILE)
            for (int64_t a = i; a < in && a < i + TILE; a++)
                for (int64_t b = o; b < out && b < o + TILE; b++)
                    y[a * out + b] = weight[b * in + a];
}

static ac_status
pack_turned(ac_linear_transposed *self, const ac_tensor *const *weights, void *packed)
{
    const int64_t out = self->forward->out, in = self->forward->in;
    ac_tensor turned = {
        .name = "transposed weights", .dtype = AC_F32, .rank = 2, .shape = { in, out }
    };
    const ac_tensor *one = &turned;
    float *weight = NULL, *y = NULL, *at;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc_aligned(&weight, out * in, sizeof(float)));
    AC_TRY(ac_alloc_aligned(&y, out * in, sizeof(float)));
    at = weight;
    for (int p = 0; p < self->parts; at += ac_tensor_count(weights[p]), p++)
        ac_tensor_read(weights[p], at, 0, ac_tensor_count(weights[p]));
    transpose(y, weight, out, in);
    turned.data = y;
    st = ac_linear_init(&self->layer, &self->forward->compute, &one, NULL, 1, packed, true);
out:
    free(weight);
    free(y);
    return st;
}

static ac_status
attach_turned(ac_linear_transposed *self, void *packed)
{
    const ac_tensor shape = { .name = "transposed weights",
                              .dtype = AC_F32,
                              .rank = 2,
                              .shape = { self->forward->in, self->forward->out } };
    const ac_tensor *one = &shape;

    return ac_linear_init(&self->layer, &self->forward->compute, &one, NULL, 1, packed, false);
}

ac_status
ac_linear_transposed_init(ac_linear_transposed *self, const ac_linear *forward,
                          const ac_tensor *const *weights, int parts, void *packed, bool fill)
{
    float *copy = packed;

    AC_CHECK(parts <= AC_LINEAR_MAX_PARTS);
    *self = (ac_linear_transposed){ .forward = forward, .parts = parts };
    if (forward->compute.precision != AC_PRECISION_FP32)
        return fill ? pack_turned(self, weights, packed) : attach_turned(self, packed);
    for (int p = 0; p < parts; p++) {
        const int64_t n = ac_tensor_count(weights[p]);
        self->rows[p] = n / forward->in;
        self->weights[p] = ac_tensor_in_place(weights[p]);
        if (self->weights[p])
            continue;
        if (fill)
            ac_tensor_read(weights[p], copy, 0, n);
        self->weights[p] = copy;
        copy += n;
    }
    return AC_OK;
}

void
ac_linear_transposed_free(ac_linear_transposed *self)
{
    ac_linear_free(&self->layer);
    *self = (ac_linear_transposed){ 0 };
}

size_t
ac_linear_transposed_scratch_bytes(const ac_linear_transposed *self, int64_t M)
{
    return self->layer.packed ? ac_linear_scratch_bytes(&self->layer, M)
                              : (size_t) omp_get_max_threads() * ac_product_scratch_bytes();
}

/* Rows [row, row + rows) × columns [column, column + columns) of dx: the parts' products, added
 * in their order. */
static void
apply_tile(const ac_linear_transposed *self, float *dx, const float *dy, int64_t row,
           int64_t rows, int64_t column, int64_t columns, const float *residual, void *scratch)
{
    const ac_vector *v = ac_kernels()->vector;
    const int64_t in = self->forward->in, out = self->forward->out;
    int64_t first = 0;

    for (int p = 0; p < self->parts; first += self->rows[p++])
        ac_product_multiply(dx + row * in + column, in,
                            (ac_matrix){ dy + row * out + first, out, 1 },
                            (ac_matrix){ self->weights[p] + column, in, 1 }, rows, columns,
                            self->rows[p], p > 0, scratch);
    for (int64_t r = row; residual && r < row + rows; r++)
        v->axpy(dx + r * in + column, 1.0f, residual + r * in + column, columns);
}

static int64_t
parts_of(int64_t n, int64_t each)
{
    return (n + each - 1) / each;
}

/* Two tiles for each thread, where that leaves them large enough. */
static void
tiling(int64_t M, int64_t in, int threads, int64_t *rows, int64_t *columns)
{
    const int64_t wanted = threads > 1 ? 2 * threads : 1;

    *columns = COLUMNS;
    *rows = parts_of(M, parts_of(M, MOST_ROWS));
    while (parts_of(M, *rows) * parts_of(in, COLUMNS) < wanted && *rows / 2 >= LEAST_ROWS)
        *rows = (*rows + 1) / 2;
    *rows = parts_of(*rows, AC_PRODUCT_ROWS) * AC_PRODUCT_ROWS;
    while (parts_of(M, *rows) * parts_of(in, *columns) < wanted && *columns > LEAST_COLUMNS)
        *columns /= 2;
}

void
ac_linear_transposed_apply(const ac_linear_transposed *self, float *dx, const float *dy,
                           int64_t M, const float *residual, ac_scratch *scratch)
{
    const int64_t in = self->forward->in;
    int64_t rows, columns, blocks, strips;
    const size_t mark = ac_scratch_mark(scratch), each = ac_product_scratch_bytes();
    char *space;

    AC_CHECK(residual != dx);
    if (self->layer.packed) {
        ac_linear_forward(&self->layer, dx, dy, M, AC_ACTIVATION_NONE, residual, scratch);
        return;
    }
    tiling(M, in, omp_get_max_threads(), &rows, &columns);
    blocks = parts_of(M, rows);
    strips = parts_of(in, columns);
    space = ac_scratch_take(scratch, each * (size_t) omp_get_max_threads());
#pragma omp parallel for collapse(2) schedule(dynamic, 1)
    for (int64_t s = 0; s < strips; s++) {
        for (int64_t b = 0; b < blocks; b++) {
            const int64_t row = b * rows, column = s * columns;
            apply_tile(self, dx, dy, row, M - row < rows ? M - row : rows, column,
                       in - column < columns ? in - column : columns, residual,
                       space + each * (size_t) omp_get_thread_num());
        }
    }
    ac_scratch_release(scratch, mark);
}
