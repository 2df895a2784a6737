/* Layer norm and cross-entropy: forward pass that saves what the backward pass needs. */
#include "engine/training/backward.h"

#include <math.h>
#include <omp.h>

#include "engine/kernels/activation.h"
#include "engine/kernels/kernel_set.h"
#include "engine/kernels/vector.h"

enum { BLOCK_ROWS = 32 }; /* rows whose dgamma and dbeta are summed together, in float */

void
ac_layernorm_save(float *y, float *normal, float *rstd, const float *x, const float *gamma,
                  const float *beta, int64_t N, int64_t C, float eps)
{
    const ac_vector *v = ac_kernels()->vector;

#pragma omp parallel for schedule(static) if (N * C > 16384)
    for (int64_t n = 0; n < N; n++) {
        const float r = v->layernorm_saved(y + n * C, normal ? normal + n * C : NULL, x + n * C,
                                           gamma, beta, C, eps);
        if (rstd)
            rstd[n] = r;
    }
}

size_t
ac_layernorm_backward_scratch_bytes(int64_t N, int64_t C)
{
    return ac_scratch_room((size_t) ((N + BLOCK_ROWS - 1) / BLOCK_ROWS * 2 * C) *
                           sizeof(float));
}

void
ac_layernorm_backward(float *dx, double *dgamma, double *dbeta, const float *dy,
                      const float *normal, const float *rstd, const float *gamma, int64_t N,
                      int64_t C, ac_scratch *scratch)
{
    const ac_vector *v = ac_kernels()->vector;
    const size_t mark = ac_scratch_mark(scratch);
    const int64_t blocks = (N + BLOCK_ROWS - 1) / BLOCK_ROWS;
    float *parts =
        dgamma ? ac_scratch_take(scratch, (size_t) (blocks * 2 * C) * sizeof(float)) : NULL;

#pragma omp parallel for schedule(static) if (N * C > 16384)
    for (int64_t b = 0; b < blocks; b++) {
        float *part = parts ? parts + b * 2 * C : NULL;
        for (int64_t c = 0; part && c < 2 * C; c++)
            part[c] = 0;
        for (int64_t n = b * BLOCK_ROWS; n < N && n < (b + 1) * BLOCK_ROWS; n++) {
            if (part) { /* dgamma, then dbeta */
                v->add_products(part, dy + n * C, normal + n * C, C);
                v->add(part + C, dy + n * C, C);
            }
            if (dx)
                v->layernorm_backward(dx + n * C, dy + n * C, normal + n * C, rstd[n], gamma,
                                      C);
        }
    }
    for (int64_t b = 0; parts && b < blocks; b++) {
        for (int64_t c = 0; c < C; c++) {
            dgamma[c] += (double) parts[b * 2 * C + c];
            dbeta[c] += (double) parts[b * 2 * C + C + c];
        }
    }
    ac_scratch_release(scratch, mark);
}

double
ac_cross_entropy(const float *x, int64_t V, int32_t target)
{
    return (double) ac_log_sum_exp(x, V) - (double) x[target];
}

double
ac_cross_entropy_backward(float *x, int64_t V, int32_t target, float scale)
{
    const ac_vector *v = ac_kernels()->vector;
    const float log_sum = ac_log_sum_exp(x, V);
    const double loss = (double) log_sum - (double) x[target];

    v->shift(x, log_sum, 0, V);
    v->exp(x, x, 0, V);
    x[target] -= 1;
    v->scale(x, scale, V);
    return loss;
}
