/* Linear layers: packing, tiles, and the epilogue. The product of a tile is the backend's.
 *
 * A tile is a block of rows times a block of columns whose sizes follow from M, out and in alone; one thread computes it
 * whole. So the bits are those of the tiles, whatever the number of threads. */
#include "engine/nn/linear.h"

#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "engine/nn/activation.h"
#include "engine/nn/linear_backend.h"
#include "engine/nn/simd.h"

enum { ROWS = 256, COLUMNS = 512 };

ac_backend
ac_backend_resolve(const ac_compute *compute)
{
    if (compute->backend != AC_BACKEND_AUTO)
        return compute->backend;
#ifdef AC_HAVE_DNNL
    return AC_BACKEND_ONEDNN;
#else
    return AC_BACKEND_OPENBLAS;
#endif
}

static size_t
weight_bytes(const ac_compute *compute, int64_t out, int64_t in)
{
#ifdef AC_HAVE_DNNL
    if (ac_backend_resolve(compute) == AC_BACKEND_ONEDNN)
        return ac_scratch_room(ac_linear_dnnl_packed_bytes(compute->precision, out, in));
#else
    (void) compute;
#endif
    return ac_scratch_room((size_t) (out * in) * sizeof(float));
}

size_t
ac_linear_packed_bytes(const ac_compute *compute, int64_t out, int64_t in)
{
    return weight_bytes(compute, out, in) + ac_scratch_room((size_t) out * sizeof(float));
}

/* Stack the parts' rows and biases as floats. weight [out, in] or NULL, bias [out]. */
static void
read_parts(float *weight, float *bias, const ac_tensor *const *weights, const ac_tensor *const *biases, int parts, int64_t in)
{
    for (int p = 0; p < parts; p++) {
        const int64_t rows = weights[p]->shape[0];
        ac_tensor_read(weights[p], weight, 0, rows * in);
        if (biases && biases[p])
            ac_tensor_read(biases[p], bias, 0, rows);
        else
            memset(bias, 0, (size_t) rows * sizeof(float));
        weight += rows * in;
        bias += rows;
    }
}

ac_status
ac_linear_init(ac_linear *self, const ac_compute *compute, const ac_tensor *const *weights, const ac_tensor *const *biases,
               int parts, void *packed, bool fill)
{
    ac_status st = AC_OK;
    float *weight = NULL, *bias;

    *self = (ac_linear) { .packed = packed, .compute = *compute };
    self->compute.backend = ac_backend_resolve(compute);
    for (int p = 0; p < parts; p++)
        self->out += weights[p]->shape[0];
    self->in = ac_tensor_count(weights[0]) / weights[0]->shape[0];
    bias = (float *) ((char *) packed + weight_bytes(compute, self->out, self->in));
    self->bias = bias;
    if (self->compute.backend == AC_BACKEND_OPENBLAS) {
        if (compute->precision != AC_PRECISION_FP32)
            return ac_error_set(AC_E_ARG, "compute.precision: bf16 needs compute.backend: onednn");
        if (fill)
            read_parts(packed, bias, weights, biases, parts, self->in);
        return AC_OK;
    }
#ifdef AC_HAVE_DNNL
    if (fill) {
        AC_TRY(ac_alloc_aligned(&weight, self->out * self->in, sizeof(float)));
        read_parts(weight, bias, weights, biases, parts, self->in);
    }
    st = ac_linear_dnnl_init(self, weight, packed);
#else
    AC_TRY(ac_error_set(AC_E_ARG, "compute.backend: onednn is not in this build (AC_WITH_DNNL); use openblas"));
#endif
out:
    free(weight);
    return st;
}

void
ac_linear_free(ac_linear *self)
{
#ifdef AC_HAVE_DNNL
    if (self->plan)
        ac_linear_dnnl_free(self);
#endif
    *self = (ac_linear) { 0 };
}

size_t
ac_linear_scratch_bytes(const ac_linear *self, int64_t M)
{
    (void) M;
    (void) self;
#ifdef AC_HAVE_DNNL
    if (self->compute.backend == AC_BACKEND_ONEDNN)
        return (size_t) omp_get_max_threads() * ac_scratch_room(ac_linear_dnnl_scratch_bytes(self));
#endif
    return 0;
}

AC_CLONES static void
add_bias(float *y, const float *bias, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] += bias[i];
}

/* Bias, activation, residual, while the tile is in the cache. */
static void
finish_tile(const ac_linear *self, const ac_linear_tile *t, ac_activation activation, const float *residual)
{
    for (int64_t r = 0; r < t->rows; r++) {
        float *y = t->y + r * self->out;
        add_bias(y, self->bias + t->column, t->columns);
        ac_activation_apply(activation, y, t->columns);
        if (residual)
            add_bias(y, residual + r * self->out, t->columns);
    }
}

static void
blas_tile(const ac_linear *self, const ac_linear_tile *t)
{
    const float *w = (const float *) self->packed + t->column * self->in;

    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int) t->rows, (int) t->columns, (int) self->in, 1.0f, t->x,
                (int) self->in, w, (int) self->in, 0.0f, t->y, (int) self->out);
}

void
ac_linear_forward(const ac_linear *self, float *y, const float *x, int64_t M, ac_activation activation, const float *residual,
                  ac_scratch *scratch)
{
    const size_t mark = ac_scratch_mark(scratch);
    int64_t rows = ROWS, columns = COLUMNS, blocks, strips;
#ifdef AC_HAVE_DNNL
    size_t each = 0;
    char *room = NULL;

    if (self->compute.backend == AC_BACKEND_ONEDNN) {
        rows = ac_linear_dnnl_tile_rows(M);
        each = ac_scratch_room(ac_linear_dnnl_scratch_bytes(self));
        room = ac_scratch_take(scratch, each * (size_t) omp_get_max_threads());
    }
#endif
    AC_CHECK(residual != y); /* the product overwrites y first */
    blocks = (M + rows - 1) / rows;
    strips = (self->out + columns - 1) / columns;
#pragma omp parallel for collapse(2) schedule(dynamic, 1)
    for (int64_t s = 0; s < strips; s++) {
        for (int64_t b = 0; b < blocks; b++) {
            const int64_t row = b * rows, column = s * columns;
            const ac_linear_tile tile = {
                .y = y + row * self->out + column, .x = x + row * self->in, .column = column,
                .rows = M - row < rows ? M - row : rows,
                .columns = self->out - column < columns ? self->out - column : columns,
            };
            if (self->compute.backend == AC_BACKEND_OPENBLAS)
                blas_tile(self, &tile);
#ifdef AC_HAVE_DNNL
            else
                ac_linear_dnnl_tile(self, &tile, room + each * (size_t) omp_get_thread_num());
#endif
            finish_tile(self, &tile, activation, residual ? residual + row * self->out + column : NULL);
        }
    }
    ac_scratch_release(scratch, mark);
}

void
ac_linear_ref(float *y, const float *x, const float *weight, const float *bias, int64_t M, int64_t out, int64_t in,
              ac_activation activation, const float *residual)
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
