/* Linear layers with int8 weights (engine/kernels/int8.h): rows of x are rounded once for the
 * whole layer, in groups of GROUP numbers, then multiplied tile by tile. A row's bits follow
 * from the row and the weights alone. */
#include <math.h>
#include <omp.h>

#include "engine/kernels/int8.h"
#include "engine/kernels/kernel_set.h"
#include "engine/kernels/vector.h"
#include "engine/linear/linear_backend.h"

enum {
    GROUP = 1024,           /* inputs rounded together, each with a matrix of its own */
    ROWS = 96,              /* of a tile; every kernel's rows divide it */
    FEW = 32,               /* of them, rounded before the next are computed */
    TOGETHER = 8,           /* rows rounded by a thread at a time */
    CACHED = 512 << 10,     /* bytes of weights of a tile */
    WORTH_THREADS = 1 << 22 /* multiplications */
};

/* ---- packing ---- */

static int64_t
groups_of(int64_t in)
{
    return (in + GROUP - 1) / GROUP;
}

static int64_t
group_size(int64_t in, int64_t g)
{
    return in - g * GROUP < GROUP ? in - g * GROUP : GROUP;
}

static size_t
group_bytes(int64_t out, int64_t in, int64_t g)
{
    return ac_scratch_room(ac_int8_packed_bytes(out, group_size(in, g)));
}

/* Where group g begins: those before it are whole. */
static size_t
group_at(int64_t out, int64_t in, int64_t g)
{
    return (size_t) g * group_bytes(out, in, 0);
}

static size_t
weight_bytes(ac_precision precision, int64_t out, int64_t in)
{
    const int64_t last = groups_of(in) - 1;

    (void) precision;
    return group_at(out, in, last) + group_bytes(out, in, last);
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
    for (int64_t g = 0; g < groups_of(self->in); g++)
        ac_int8_pack((char *) packed + group_at(self->out, self->in, g), self->out,
                     group_size(self->in, g), weight + g * GROUP, self->in, column, columns);
}

/* Columns of group g from `column` on. */
static ac_int8_matrix
matrix_of(const ac_linear *self, int64_t g, int64_t column)
{
    return ac_int8_view((const char *) self->packed + group_at(self->out, self->in, g),
                        self->out, group_size(self->in, g), column);
}

static bool
is_finite(const ac_linear *self, int64_t row)
{
    for (int64_t g = 0; g < groups_of(self->in); g++)
        if (!isfinite(matrix_of(self, g, 0).scales[row]))
            return false;
    return true;
}

/* Rounding cannot hold a number that is not finite, nor say what it would have become. */
static ac_status
check(const ac_linear *self, const ac_tensor *const *weights, int parts)
{
    int64_t row = 0;

    for (int p = 0; p < parts; p++)
        for (int64_t r = 0; r < weights[p]->shape[0]; r++, row++)
            if (!is_finite(self, row))
                return ac_error_set(AC_E_FORMAT,
                                    "%s: row %lld has a number that is not finite, which "
                                    "compute.precision: int8 cannot hold; use fp32 or bf16",
                                    weights[p]->name, (long long) r);
    return AC_OK;
}

/* ---- rounded rows ---- */

/* Rows [M] of `in` numbers, group by group. */
typedef struct rounded {
    char *q; /* [groups, M, bytes] */
    float *steps;
    int32_t *zeros; /* [groups, M] */
    size_t bytes;
    int64_t M;
} rounded;

static size_t
q_bytes(int64_t M, int64_t in)
{
    return (size_t) (groups_of(in) * M) * ac_int8_row_bytes(in < GROUP ? in : GROUP);
}

static size_t
rounded_bytes(int64_t M, int64_t in)
{
    return ac_scratch_room(q_bytes(M, in)) +
           2 * ac_scratch_room((size_t) (groups_of(in) * M) * sizeof(float));
}

static rounded
take_rounded(ac_scratch *scratch, int64_t M, int64_t in)
{
    const size_t numbers = (size_t) (groups_of(in) * M) * sizeof(float);

    return (rounded){
        .q = ac_scratch_take(scratch, q_bytes(M, in)),
        .steps = ac_scratch_take(scratch, numbers),
        .zeros = ac_scratch_take(scratch, numbers),
        .bytes = ac_int8_row_bytes(in < GROUP ? in : GROUP) / sizeof(int16_t) *
                 (size_t) ac_kernels()->int8->each,
        .M = M,
    };
}

/* Group g of the rows from `row` on. */
static ac_int8_rows
rows_from(const rounded *self, int64_t g, int64_t row)
{
    const int64_t at = g * self->M + row;

    return (ac_int8_rows){ self->q + (size_t) at * self->bytes, self->steps + at,
                           self->zeros + at, self->bytes };
}

static void
round_rows(const rounded *self, const float *x, int64_t in, int64_t row, int64_t rows)
{
    for (int64_t g = 0; g < groups_of(in); g++) {
        const ac_int8_rows mine = rows_from(self, g, row);
        ac_kernels()->int8->quantize(&mine, x + g * GROUP, in, rows, group_size(in, g));
    }
}

/* All rows of x, or with `norm` of its layer norm; by all threads of a parallel region. A
 * thread normalises into the part of `normed` that belongs to the first row it meets. */
static void
round_all(const rounded *self, const float *x, int64_t in, const ac_linear_norm *norm,
          float *normed)
{
    float *mine = NULL;

#pragma omp for schedule(static)
    for (int64_t m = 0; m < self->M; m += TOGETHER) {
        const int64_t rows = self->M - m < TOGETHER ? self->M - m : TOGETHER;
        if (!norm) {
            round_rows(self, x + m * in, in, m, rows);
            continue;
        }
        if (!mine)
            mine = normed + m * in;
        for (int64_t r = 0; r < rows; r++) {
            ac_kernels()->vector->layernorm(mine, x + (m + r) * in, norm->weight, norm->bias,
                                            in, norm->eps);
            round_rows(self, mine, in, m + r, 1);
        }
    }
}

/* ---- products ---- */

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

/* out->y, of `column` and the columns after it: all groups of the rows from `row` on. The last
 * group brings bias, activation and residual. */
static void
multiply(const ac_linear *self, const ac_int8_result *out, const rounded *x, int64_t row,
         int64_t column)
{
    const int64_t groups = groups_of(self->in);

    for (int64_t g = 0; g < groups; g++) {
        const ac_int8_rows mine = rows_from(x, g, row);
        const ac_int8_matrix matrix = matrix_of(self, g, column);
        ac_int8_result part = *out;
        part.before = g > 0 ? out->y : NULL;
        if (g + 1 < groups) {
            part.bias = part.residual = NULL;
            part.activation = AC_ACTIVATION_NONE;
        }
        ac_kernels()->int8->multiply(&part, &mine, &matrix);
    }
}

/* y [M, out] of rounded rows; by all threads of a parallel region. */
static void
multiply_all(const ac_linear *self, float *y, const rounded *x, ac_activation activation,
             const float *residual)
{
    const int64_t M = x->M, columns = tile_columns(self, M, omp_get_max_threads());

#pragma omp for collapse(2) schedule(dynamic, 1)
    for (int64_t column = 0; column < self->out; column += columns)
        for (int64_t row = 0; row < M; row += ROWS) {
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
            multiply(self, &tile, x, row, column);
        }
}

/* The same where y is the next layer's input: rounded at once, a group of its columns at a
 * time; its floats never leave the cache. space [threads, FEW, GROUP] */
static void
multiply_rounded(const ac_linear *self, const rounded *y, const rounded *x,
                 ac_activation activation, float *space)
{
    const int64_t M = x->M, groups = groups_of(self->out);

#pragma omp for collapse(2) schedule(dynamic, 1)
    for (int64_t g = 0; g < groups; g++)
        for (int64_t row = 0; row < M; row += ROWS) {
            const int64_t columns = group_size(self->out, g);
            const int64_t last = M - row < ROWS ? M : row + ROWS;
            for (int64_t r = row; r < last; r += FEW) {
                const ac_int8_result tile = {
                    .y = space + omp_get_thread_num() * FEW * GROUP,
                    .bias = self->bias + g * GROUP,
                    .stride = columns,
                    .rows = last - r < FEW ? last - r : FEW,
                    .columns = columns,
                    .activation = activation,
                };
                const ac_int8_rows to = rows_from(y, g, r);
                multiply(self, &tile, x, r, g * GROUP);
                ac_kernels()->int8->quantize(&to, tile.y, columns, tile.rows, columns);
            }
        }
}

static size_t
scratch_bytes(const ac_linear *self, int64_t M)
{
    return rounded_bytes(M, self->in);
}

static void
forward(const ac_linear *self, float *y, const float *x, const ac_linear_norm *norm,
        float *normed, int64_t M, ac_activation activation, const float *residual,
        ac_scratch *scratch)
{
    const rounded rows = take_rounded(scratch, M, self->in);

#pragma omp parallel if (M * self->out * self->in > WORTH_THREADS)
    {
        round_all(&rows, x, self->in, norm, normed);
        multiply_all(self, y, &rows, activation, residual);
    }
}

static size_t
pair_scratch_bytes(const ac_linear *first, const ac_linear *second, int64_t M)
{
    return rounded_bytes(M, first->in) + rounded_bytes(M, second->in) +
           ac_scratch_room((size_t) omp_get_max_threads() * FEW * GROUP * sizeof(float));
}

static void
forward_pair(const ac_linear *first, const ac_linear *second, float *y, const float *x,
             const ac_linear_norm *norm, float *normed, int64_t M, ac_activation activation,
             const float *residual, ac_scratch *scratch)
{
    const rounded rows = take_rounded(scratch, M, first->in),
                  hidden = take_rounded(scratch, M, second->in);
    float *space =
        ac_scratch_take(scratch, (size_t) omp_get_max_threads() * FEW * GROUP * sizeof *space);

#pragma omp parallel if (M * first->out * first->in > WORTH_THREADS)
    {
        round_all(&rows, x, first->in, norm, normed);
        multiply_rounded(first, &hidden, &rows, activation, space);
        multiply_all(second, y, &hidden, AC_ACTIVATION_NONE, residual);
    }
}

const ac_linear_backend ac_linear_int8 = {
    .weight_bytes = weight_bytes,
    .init = init,
    .pack = pack,
    .check = check,
    .forward_scratch_bytes = scratch_bytes,
    .forward = forward,
    .pair_scratch_bytes = pair_scratch_bytes,
    .forward_pair = forward_pair,
};
