/* Linear layers: packing, tiles, and the epilogue. The product of a tile is the backend's.
 *
 * A tile is a block of rows times a block of columns; one thread computes it whole. Either its
 * bits do not depend on the tile (native, oneDNN) or the tile follows from M, out and in alone
 * (OpenBLAS): never on the number of threads. */
#include "engine/linear/linear.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "engine/linear/linear_backend.h"
#include "engine/kernels/kernels.h"

/* Multiplications: some 20 microseconds; waking threads costs several. With few rows the time
 * is that of reading the weights, which is as long as that of READING rows. */
enum { WORTH_THREADS = 1 << 20, READING = 2 };

/* NULL: not in this build. */
static const ac_linear_backend *
backend_of(const ac_compute *compute)
{
    switch (ac_backend_resolve(compute)) {
    case AC_BACKEND_OPENBLAS: return &ac_linear_openblas;
    case AC_BACKEND_ONEDNN:
#ifdef AC_HAVE_DNNL
        return &ac_linear_dnnl;
#else
        return NULL;
#endif
    default:
        return compute->precision == AC_PRECISION_INT8 ? &ac_linear_int8 : &ac_linear_native;
    }
}

size_t
ac_linear_packed_bytes(const ac_compute *compute, int64_t out, int64_t in)
{
    const ac_linear_backend *b = backend_of(compute);

    return b ? ac_scratch_room(b->weight_bytes(compute->precision, out, in)) +
                   ac_scratch_room((size_t) out * sizeof(float))
             : 0;
}

/* Rows [first, first + n) of the stacked parts, as floats. */
static void
read_rows(float *weight, const ac_tensor *const *weights, int parts, int64_t in, int64_t first,
          int64_t n)
{
    for (int p = 0; p < parts && n > 0; p++) {
        const int64_t rows = weights[p]->shape[0];
        if (first < rows) {
            const int64_t take = rows - first < n ? rows - first : n;
            ac_tensor_read(weights[p], weight, first * in, take * in);
            weight += take * in;
            n -= take;
            first = 0;
        } else {
            first -= rows;
        }
    }
}

void
ac_linear_read_biases(float *bias, const ac_tensor *const *weights,
                      const ac_tensor *const *biases, int parts)
{
    for (int p = 0; p < parts; p++) {
        const int64_t rows = weights[p]->shape[0];
        if (biases && biases[p])
            ac_tensor_read(biases[p], bias, 0, rows);
        else
            memset(bias, 0, (size_t) rows * sizeof(float));
        bias += rows;
    }
}

static ac_status
pack_weights(const ac_linear *self, const ac_tensor *const *weights, int parts, void *packed)
{
    const int64_t space = AC_LINEAR_STRIP * self->in;
    float *rows = NULL;
    ac_status st = ac_alloc_aligned(&rows, omp_get_max_threads() * space, sizeof *rows);

    if (st != AC_OK)
        return st;
#pragma omp parallel for schedule(dynamic, 1)
    for (int64_t column = 0; column < self->out; column += AC_LINEAR_STRIP) {
        const int64_t columns =
            self->out - column < AC_LINEAR_STRIP ? self->out - column : AC_LINEAR_STRIP;
        float *mine = rows + omp_get_thread_num() * space;
        read_rows(mine, weights, parts, self->in, column, columns);
        self->backend->pack(self, packed, mine, column, columns);
    }
    free(rows);
    return AC_OK;
}

ac_status
ac_linear_init(ac_linear *self, const ac_compute *compute, const ac_tensor *const *weights,
               const ac_tensor *const *biases, int parts, void *packed, bool fill)
{
    float *bias;
    ac_status st = AC_OK;

    *self =
        (ac_linear){ .packed = packed, .compute = *compute, .backend = backend_of(compute) };
    self->compute.backend = ac_backend_resolve(compute);
    if (!self->backend)
        return ac_error_set(AC_E_ARG, "compute.backend: onednn is not in this build "
                                      "(AC_WITH_DNNL); use native or openblas");
    for (int p = 0; p < parts; p++)
        self->out += weights[p]->shape[0];
    self->in = ac_tensor_count(weights[0]) / weights[0]->shape[0];
    bias = (float *) (void *) ((char *) packed + ac_scratch_room(self->backend->weight_bytes(
                                                     compute->precision, self->out, self->in)));
    self->bias = bias;
    AC_TRY(self->backend->init(self));
    if (fill) {
        AC_TRY(pack_weights(self, weights, parts, packed));
        if (self->backend->check)
            AC_TRY(self->backend->check(self, weights, parts));
        ac_linear_read_biases(bias, weights, biases, parts);
    }
out:
    if (st != AC_OK)
        ac_linear_free(self);
    return st;
}

void
ac_linear_free(ac_linear *self)
{
    if (self->backend && self->backend->free)
        self->backend->free(self);
    *self = (ac_linear){ 0 };
}

static size_t
tile_room(const ac_linear *self)
{
    return self->backend->tile_scratch_bytes
               ? ac_scratch_room(self->backend->tile_scratch_bytes(self))
               : 0;
}

size_t
ac_linear_scratch_bytes(const ac_linear *self, int64_t M)
{
    if (self->backend->forward)
        return self->backend->forward_scratch_bytes(self, M);
    return (size_t) omp_get_max_threads() * tile_room(self);
}

void
ac_linear_forward(const ac_linear *self, float *y, const float *x, int64_t M,
                  ac_activation activation, const float *residual, ac_scratch *scratch)
{
    const size_t mark = ac_scratch_mark(scratch), each = tile_room(self);
    const int threads = omp_get_max_threads();
    char *space = each ? ac_scratch_take(scratch, each * (size_t) threads) : NULL;
    int64_t rows, columns, blocks, strips;
    bool is_parallel;

    AC_CHECK(residual != y); /* the product overwrites y first */
    if (self->backend->forward) {
        self->backend->forward(self, y, x, NULL, NULL, M, activation, residual, scratch);
        ac_scratch_release(scratch, mark);
        return;
    }
    self->backend->tiling(self, M, threads, &rows, &columns);
    blocks = (M + rows - 1) / rows;
    strips = (self->out + columns - 1) / columns;
    /* The other backends would start threads of their own outside of a parallel region. */
    is_parallel = self->compute.backend != AC_BACKEND_NATIVE ||
                  (M + READING) * self->out * self->in > WORTH_THREADS;
#pragma omp parallel if (is_parallel)
    {
        void *mine = space ? space + each * (size_t) omp_get_thread_num() : NULL;
        int64_t before = -1; /* the row where this thread's last tile began */
#pragma omp for schedule(dynamic, 1)
        for (int64_t i = 0; i < strips * blocks; i++) {
            const int64_t row = i % blocks * rows, column = i / blocks * columns,
                          next = (i + (is_parallel ? threads : 1)) % blocks * rows;
            const ac_linear_tile tile = {
                .y = y + row * self->out + column,
                .x = x + row * self->in,
                .column = column,
                .rows = M - row < rows ? M - row : rows,
                .columns = self->out - column < columns ? self->out - column : columns,
                .activation = activation,
                .residual = residual ? residual + row * self->out + column : NULL,
                .next_x = x + next * self->in,
                .next_rows = M - next < rows ? M - next : rows,
                .again = row == before,
            };
            before = row;
            self->backend->tile(self, &tile, mine);
            for (int64_t r = 0; r < tile.rows && !self->backend->finishes; r++)
                ac_linear_finish_row(self, &tile, r);
        }
    }
    ac_scratch_release(scratch, mark);
}

void
ac_linear_forward_normed(const ac_linear *self, float *y, const float *x,
                         const ac_linear_norm *norm, float *normed, int64_t M,
                         ac_activation activation, const float *residual, ac_scratch *scratch)
{
    const size_t mark = ac_scratch_mark(scratch);

    AC_CHECK(residual != y && normed != x);
    if (self->backend->forward) {
        self->backend->forward(self, y, x, norm, normed, M, activation, residual, scratch);
    } else {
        ac_layernorm(normed, x, norm->weight, norm->bias, M, self->in, norm->eps);
        ac_linear_forward(self, y, normed, M, activation, residual, scratch);
    }
    ac_scratch_release(scratch, mark);
}

static bool
are_paired(const ac_linear *first, const ac_linear *second)
{
    return first->backend == second->backend && first->backend->forward_pair;
}

size_t
ac_linear_pair_scratch_bytes(const ac_linear *first, const ac_linear *second, int64_t M)
{
    const size_t a = ac_linear_scratch_bytes(first, M), b = ac_linear_scratch_bytes(second, M);

    if (are_paired(first, second))
        return first->backend->pair_scratch_bytes(first, second, M);
    return a > b ? a : b;
}

void
ac_linear_forward_pair(const ac_linear *first, const ac_linear *second, float *y,
                       const float *x, const ac_linear_norm *norm, float *normed, float *hidden,
                       int64_t M, ac_activation activation, const float *residual,
                       ac_scratch *scratch)
{
    const size_t mark = ac_scratch_mark(scratch);

    AC_CHECK(first->out == second->in && residual != y && normed != x);
    if (are_paired(first, second)) {
        first->backend->forward_pair(first, second, y, x, norm, normed, M, activation, residual,
                                     scratch);
    } else {
        ac_linear_forward_normed(first, hidden, x, norm, normed, M, activation, NULL, scratch);
        ac_linear_forward(second, y, hidden, M, AC_ACTIVATION_NONE, residual, scratch);
    }
    ac_scratch_release(scratch, mark);
}

void
ac_linear_ref(float *y, const float *x, const float *weight, const float *bias, int64_t M,
              int64_t out, int64_t in, ac_activation activation, const float *residual)
{
    for (int64_t m = 0; m < M; m++) {
        for (int64_t o = 0; o < out; o++) {
            double sum = bias ? (double) bias[o] : 0;
            for (int64_t i = 0; i < in; i++)
                sum += (double) x[m * in + i] * (double) weight[o * in + i];
            sum = ac_activation_ref(activation, sum);
            y[m * out + o] = (float) (sum + (residual ? (double) residual[m * out + o] : 0));
        }
    }
}
