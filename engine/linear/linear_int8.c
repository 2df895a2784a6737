/* Linear layers with int8 weights (engine/kernels/int8.h): rows of x are rounded once for the
 * whole layer, then multiplied tile by tile. A row's bits follow from the row and the weights
 * alone. */
#include <math.h>
#include <omp.h>

#include "engine/kernels/int8.h"
#include "engine/kernels/kernel_set.h"
#include "engine/linear/linear_backend.h"

enum {
    ROWS = 96,              /* of a tile; every kernel's rows divide it */
    TOGETHER = 8,           /* rows rounded by a thread at a time */
    CACHED = 512 << 10,     /* bytes of weights of a tile */
    WORTH_THREADS = 1 << 22 /* multiplications */
};

static size_t
weight_bytes(ac_precision precision, int64_t out, int64_t in)
{
    (void) precision;
    return ac_int8_packed_bytes(out, in);
}

static ac_status
init(ac_linear *self)
{
    self->plan = NULL;
    if (self->in > AC_INT8_MOST_IN)
        return ac_error_set(AC_E_ARG,
                            "compute.precision: int8 takes layers of at most %d inputs, this "
                            "one has %lld; use fp32 or bf16",
                            AC_INT8_MOST_IN, (long long) self->in);
    return AC_OK;
}

static void
pack(const ac_linear *self, void *packed, const float *weight, int64_t column, int64_t columns)
{
    ac_int8_pack(packed, self->out, self->in, weight, column, columns);
}

/* Rounding cannot hold a number that is not finite, nor say what it would have become. */
static ac_status
check(const ac_linear *self, const ac_tensor *const *weights, int parts)
{
    const float *scales = ac_int8_view(self->packed, self->out, self->in, 0).scales;
    int64_t row = 0;

    for (int p = 0; p < parts; p++)
        for (int64_t r = 0; r < weights[p]->shape[0]; r++, row++)
            if (!isfinite(scales[row]))
                return ac_error_set(AC_E_FORMAT,
                                    "%s: row %lld has a number that is not finite, which "
                                    "compute.precision: int8 cannot hold; use fp32 or bf16",
                                    weights[p]->name, (long long) r);
    return AC_OK;
}

static size_t
scratch_bytes(const ac_linear *self, int64_t M)
{
    return ac_scratch_room((size_t) M * ac_int8_row_bytes(self->in)) +
           2 * ac_scratch_room((size_t) M * sizeof(float));
}

/* Columns of a tile: a power of two times a kernel's width. */
static int64_t
tile_columns(const ac_linear *self, int64_t M, int threads)
{
    const int64_t blocks = (M + ROWS - 1) / ROWS, depth = ac_int8_depth(self->in);
    int64_t columns = AC_LINEAR_STRIP;

    while (columns > 2 * AC_INT8_WIDTH &&
           (columns * depth > CACHED ||
            (threads > 1 && blocks * ((self->out + columns - 1) / columns) < 4 * threads)))
        columns /= 2;
    return columns;
}

static ac_int8_rows
rows_from(const ac_int8_rows *rows, int64_t row)
{
    return (ac_int8_rows){ (char *) rows->q + (size_t) row * rows->bytes, rows->steps + row,
                           rows->zeros + row, rows->bytes };
}

static void
forward(const ac_linear *self, float *y, const float *x, int64_t M, ac_activation activation,
        const float *residual, ac_scratch *scratch)
{
    const ac_int8 *kernels = ac_kernels()->int8;
    const size_t bytes = ac_int8_row_bytes(self->in) / sizeof(int16_t) * (size_t) kernels->each;
    const ac_int8_rows rows = {
        .q = ac_scratch_take(scratch, (size_t) M * ac_int8_row_bytes(self->in)),
        .steps = ac_scratch_take(scratch, (size_t) M * sizeof(float)),
        .zeros = ac_scratch_take(scratch, (size_t) M * sizeof(int32_t)),
        .bytes = bytes,
    };
    const int64_t columns = tile_columns(self, M, omp_get_max_threads());

#pragma omp parallel if (M * self->out * self->in > WORTH_THREADS)
    {
#pragma omp for schedule(static)
        for (int64_t m = 0; m < M; m += TOGETHER) {
            const ac_int8_rows mine = rows_from(&rows, m);
            kernels->quantize(&mine, x + m * self->in, self->in,
                              M - m < TOGETHER ? M - m : TOGETHER, self->in);
        }
#pragma omp for collapse(2) schedule(dynamic, 1)
        for (int64_t column = 0; column < self->out; column += columns)
            for (int64_t row = 0; row < M; row += ROWS) {
                const ac_int8_rows mine = rows_from(&rows, row);
                const ac_int8_matrix matrix =
                    ac_int8_view(self->packed, self->out, self->in, column);
                const int64_t at = row * self->out + column;
                const ac_int8_result tile = {
                    .y = y + at,
                    .bias = self->bias + column,
                    .residual = residual ? residual + at : NULL,
                    .stride = self->out,
                    .rows = M - row < ROWS ? M - row : ROWS,
                    .columns = self->out - column < columns ? self->out - column : columns,
                    .activation = activation,
                };
                kernels->multiply(&tile, &mine, &matrix);
            }
    }
}

const ac_linear_backend ac_linear_int8 = {
    .weight_bytes = weight_bytes,
    .init = init,
    .pack = pack,
    .check = check,
    .forward_scratch_bytes = scratch_bytes,
    .forward = forward,
};
