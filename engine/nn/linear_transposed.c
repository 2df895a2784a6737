#include "engine/nn/linear_transposed.h"

#include <cblas.h>
#include <stdlib.h>

#include "engine/nn/kernels.h"

enum { ROWS = 256, COLUMNS = 512 };

size_t
ac_linear_transposed_packed_bytes(const ac_compute *compute, int64_t out, int64_t in)
{
    return ac_backend_resolve(compute) == AC_BACKEND_OPENBLAS ? 0 : ac_linear_packed_bytes(compute, in, out);
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
pack(ac_linear_transposed *self, const ac_tensor *const *weights, int parts, void *packed)
{
    const int64_t out = self->forward->out, in = self->forward->in;
    float *weight = NULL, *turned = NULL, *at;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc_aligned(&weight, out * in, sizeof(float)));
    AC_TRY(ac_alloc_aligned(&turned, out * in, sizeof(float)));
    at = weight;
    for (int p = 0; p < parts; at += ac_tensor_count(weights[p]), p++)
        ac_tensor_read(weights[p], at, 0, ac_tensor_count(weights[p]));
    transpose(turned, weight, out, in);
    {
        const ac_tensor t = { .name = "transposed weights", .dtype = AC_F32, .rank = 2, .shape = { in, out }, .data = turned };
        const ac_tensor *one = &t;
        st = ac_linear_init(&self->layer, &self->forward->compute, &one, NULL, 1, packed, true);
    }
out:
    free(weight);
    free(turned);
    return st;
}

ac_status
ac_linear_transposed_init(ac_linear_transposed *self, const ac_linear *forward, const ac_tensor *const *weights, int parts, void *packed,
                          bool fill)
{
    const ac_tensor shape = { .name = "transposed weights", .dtype = AC_F32, .rank = 2, .shape = { forward->in, forward->out } };
    const ac_tensor *one = &shape;

    *self = (ac_linear_transposed) { .forward = forward };
    if (forward->compute.backend == AC_BACKEND_OPENBLAS)
        return AC_OK;
    return fill ? pack(self, weights, parts, packed) : ac_linear_init(&self->layer, &forward->compute, &one, NULL, 1, packed, false);
}

void
ac_linear_transposed_free(ac_linear_transposed *self)
{
    ac_linear_free(&self->layer);
    *self = (ac_linear_transposed) { 0 };
}

size_t
ac_linear_transposed_scratch_bytes(const ac_linear_transposed *self, int64_t M)
{
    return self->forward->compute.backend == AC_BACKEND_OPENBLAS ? 0 : ac_linear_scratch_bytes(&self->layer, M);
}

void
ac_linear_transposed_apply(const ac_linear_transposed *self, float *dx, const float *dy, int64_t M, const float *residual,
                           ac_scratch *scratch)
{
    const int64_t in = self->forward->in, out = self->forward->out;
    const int64_t blocks = (M + ROWS - 1) / ROWS, strips = (in + COLUMNS - 1) / COLUMNS;
    const float *weight = self->forward->packed;

    AC_CHECK(residual != dx);
    if (self->forward->compute.backend != AC_BACKEND_OPENBLAS) {
        ac_linear_forward(&self->layer, dx, dy, M, AC_ACTIVATION_NONE, residual, scratch);
        return;
    }
#pragma omp parallel for collapse(2) schedule(dynamic, 1)
    for (int64_t s = 0; s < strips; s++) {
        for (int64_t b = 0; b < blocks; b++) {
            const int64_t row = b * ROWS, column = s * COLUMNS, rows = M - row < ROWS ? M - row : ROWS;
            const int64_t columns = in - column < COLUMNS ? in - column : COLUMNS;
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int) rows, (int) columns, (int) out, 1.0f, dy + row * out, (int) out,
                        weight + column, (int) in, 0.0f, dx + row * in + column, (int) in);
            for (int64_t r = row; residual && r < row + rows; r++)
                ac_axpy(dx + r * in + column, 1.0f, residual + r * in + column, columns);
        }
    }
}
