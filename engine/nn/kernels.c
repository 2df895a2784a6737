#include "engine/nn/kernels.h"

#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <string.h>

#include "engine/nn/activation.h"
#include "engine/nn/simd.h"

AC_CLONES float
ac_dot(const float *a, const float *b, int64_t n)
{
    float sum = 0;

#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

AC_CLONES void
ac_axpy(float *y, float s, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] += s * x[i];
}

AC_CLONES static void
layernorm_row(float *y, const float *x, const float *gamma, const float *beta, int64_t C, float eps)
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
    for (int64_t c = 0; c < C; c++)
        y[c] = (x[c] - mean) * rstd * gamma[c] + beta[c];
}

void
ac_layernorm(float *y, const float *x, const float *gamma, const float *beta, int64_t N, int64_t C, float eps)
{
#pragma omp parallel for schedule(static) if (N * C > 16384)
    for (int64_t n = 0; n < N; n++)
        layernorm_row(y + n * C, x + n * C, gamma, beta, C, eps);
}

void
ac_normalize(float *y, const float *x, int64_t N, int64_t C)
{
    for (int64_t n = 0; n < N; n++) {
        double squares = 0;
        float length;
        for (int64_t c = 0; c < C; c++)
            squares += (double) x[n * C + c] * (double) x[n * C + c];
        length = (float) sqrt(squares);
        for (int64_t c = 0; c < C; c++)
            y[n * C + c] = length == 0 ? 0 : x[n * C + c] / length; /* a NaN stays one: it is for the caller to see */
    }
}

AC_CLONES static float
largest(const float *x, int64_t n)
{
    float m = -INFINITY;

    for (int64_t i = 0; i < n; i++)
        m = x[i] > m ? x[i] : m;
    return m;
}

AC_CLONES static void
shift(float *x, float by, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] -= by;
}

AC_CLONES static float
total(const float *x, int64_t n)
{
    float sum = 0;

#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    return sum;
}

AC_CLONES static void
scale(float *x, float by, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] *= by;
}

void
ac_softmax(float *x, int64_t n)
{
    shift(x, largest(x, n), n);
    ac_exp(x, x, n);
    scale(x, 1.0f / total(x, n), n);
}

size_t
ac_self_attention_scratch_bytes(int64_t longest)
{
    return (size_t) omp_get_max_threads() * ac_scratch_room((size_t) (longest * longest) * sizeof(float));
}

/* One text, one head: y [T, D] in rows C apart; qkv of the head in rows 3 C apart; scores [T, T] is scratch. */
static void
attend(float *y, const float *qkv, int64_t T, int64_t C, int64_t D, bool causal, float *scores)
{
    const int row = (int) (3 * C);

    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int) T, (int) T, (int) D, 1.0f / sqrtf((float) D), qkv, row, qkv + C, row,
                0.0f, scores, (int) T);
    for (int64_t t = 0; t < T; t++) {
        int64_t seen = causal ? t + 1 : T;
        ac_softmax(scores + t * T, seen);
        memset(scores + t * T + seen, 0, (size_t) (T - seen) * sizeof(float));
    }
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int) T, (int) D, (int) T, 1.0f, scores, (int) T, qkv + 2 * C, row, 0.0f, y,
                (int) C);
}

void
ac_self_attention(float *y, const float *qkv, const int64_t *offsets, int64_t B, int64_t H, int64_t D, bool causal, ac_scratch *scratch)
{
    const size_t mark = ac_scratch_mark(scratch);
    const int64_t C = H * D;
    int64_t longest = 0;
    size_t each;
    char *room;

    for (int64_t b = 0; b < B; b++)
        longest = offsets[b + 1] - offsets[b] > longest ? offsets[b + 1] - offsets[b] : longest;
    each = ac_scratch_room((size_t) (longest * longest) * sizeof(float));
    room = ac_scratch_take(scratch, each * (size_t) omp_get_max_threads());
#pragma omp parallel for collapse(2) schedule(dynamic, 1)
    for (int64_t b = 0; b < B; b++) {
        for (int64_t h = 0; h < H; h++) {
            const int64_t first = offsets[b], T = offsets[b + 1] - first;
            attend(y + first * C + h * D, qkv + first * 3 * C + h * D, T, C, D, causal,
                   (float *) (void *) (room + each * (size_t) omp_get_thread_num()));
        }
    }
    ac_scratch_release(scratch, mark);
}
