/* Layer norm and cross-entropy: forward pass that saves what the backward pass needs. */
#include "engine/training/backward.h"

#include <math.h>
#include <omp.h>

#include "engine/kernels/activation.h"
#include "engine/kernels/simd.h"

enum { BLOCK_ROWS = 32 }; /* rows whose dgamma and dbeta are summed together, in float */

AC_CLONES static float
normalise(float *y, float *normal, const float *x, const float *gamma, const float *beta,
          int64_t C, float eps)
{
    float sum = 0, squares = 0, mean, rstd;

#pragma omp simd reduction(+ : sum)
    for (int64_t c = 0; c < C; c++)
        sum += x[c];
    mean = sum / (float) C;
#pragma omp simd reduction(+ : squares)
    for (int64_t c = 0; c < C; c++)
        squares += (x[c] - mean) * (x[c] - mean);
    rstd = 1.0f / sqrtf(squares / (float) C + eps);
    for (int64_t c = 0; c < C; c++) {
        const float n = (x[c] - mean) * rstd;
        y[c] = n * gamma[c] + beta[c];
        if (normal)
            normal[c] = n;
    }
    return rstd;
}

void
ac_layernorm_save(float *y, float *normal, float *rstd, const float *x, const float *gamma,
                  const float *beta, int64_t N, int64_t C, float eps)
{
#pragma omp parallel for schedule(static) if (N * C > 16384)
    for (int64_t n = 0; n < N; n++) {
        const float r = normalise(y + n * C, normal ? normal + n * C : NULL, x + n * C, gamma,
                                  beta, C, eps);
        if (rstd)
            rstd[n] = r;
    }
}

/* dgamma, dbeta [C] += one row's part. */
AC_CLONES static void
add_parameters(float *dgamma, float *dbeta, const float *dy, const float *normal, int64_t C)
{
    for (int64_t c = 0; c < C; c++) {
        dgamma[c] += dy[c] * normal[c];
        dbeta[c] += dy[c];
    }
}

AC_CLONES static void
backward_row(float *dx, const float *dy, const float *normal, float rstd, const float *gamma,
             int64_t C)
{
    float sum = 0, along = 0;

#pragma omp simd reduction(+ : sum, along)
    for (int64_t c = 0; c < C; c++) {
        const float g = dy[c] * gamma[c];
        sum += g;
        along += g * normal[c];
    }
    sum /= (float) C;
    along /= (float) C;
    for (int64_t c = 0; c < C; c++)
        dx[c] = rstd * (dy[c] * gamma[c] - sum - normal[c] * along);
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
            if (part)
                add_parameters(part, part + C, dy + n * C, normal + n * C, C);
            if (dx)
                backward_row(dx + n * C, dy + n * C, normal + n * C, rstd[n], gamma, C);
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

AC_CLONES static void
subtract(float *x, float by, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] -= by;
}

AC_CLONES static void
multiply(float *x, float by, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] *= by;
}

double
ac_cross_entropy_backward(float *x, int64_t V, int32_t target, float scale)
{
    const float log_sum = ac_log_sum_exp(x, V);
    const double loss = (double) log_sum - (double) x[target];

    subtract(x, log_sum, V);
    ac_exp(x, x, V);
    x[target] -= 1;
    multiply(x, scale, V);
    return loss;
}
