#include "engine/kernels/kernels.h"

#include <math.h>
#include <string.h>

#include "engine/kernels/attention_heads.h"
#include "engine/kernels/kernel_set.h"
#include "engine/kernels/product.h"
#include "engine/kernels/vector.h"

float
ac_dot(const float *a, const float *b, int64_t n)
{
    return ac_kernels()->vector->dot(a, b, n);
}

double
ac_multiply_adds(int64_t rounds, float *sum)
{
    return 2 * ac_kernels()->vector->multiply_adds(rounds, sum);
}

void
ac_axpy(float *y, float s, const float *x, int64_t n)
{
    ac_kernels()->vector->axpy(y, s, x, n);
}

void
ac_layernorm(float *y, const float *x, const float *gamma, const float *beta, int64_t N,
             int64_t C, float eps)
{
    const ac_vector *v = ac_kernels()->vector;

#pragma omp parallel for schedule(static) if (N * C > 65536)
    for (int64_t n = 0; n < N; n++)
        v->layernorm(y + n * C, x + n * C, gamma, beta, C, eps);
}

void
ac_rmsnorm(float *y, const float *x, const float *gamma, int64_t N, int64_t C, float eps)
{
    for (int64_t n = 0; n < N; n++) {
        const float *from = x + n * C;
        const float by = 1.0f / sqrtf(ac_dot(from, from, C) / (float) C + eps);
        for (int64_t c = 0; c < C; c++)
            y[n * C + c] = from[c] * by * gamma[c];
    }
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
            y[n * C + c] =
                length == 0
                    ? 0
                    : x[n * C + c] / length; /* a NaN stays one: it is for the caller to see */
    }
}

void
ac_softmax(float *x, int64_t n)
{
    const ac_vector *v = ac_kernels()->vector;

    v->scale(x, 1.0f / v->exp(x, x, v->largest(x, n), n), n);
}

/* ---- attention as products ---- */

int64_t
ac_attention_keys_size(int64_t T, int64_t D)
{
    return ac_product_columns(T) * D;
}

int64_t
ac_attention_values_size(int64_t T, int64_t D)
{
    return ac_product_columns(D) * T;
}

void
ac_attention_pack(float *keys, float *values, const float *k, const float *v, int64_t row,
                  int64_t T, int64_t D)
{
    enum { PANEL = AC_PRODUCT_PANEL };
    const int64_t tokens = ac_product_columns(T), channels = ac_product_columns(D);

    for (int64_t t = 0; t < tokens; t++) {
        float *to = keys + t / PANEL * PANEL * D + t % PANEL;
        for (int64_t d = 0; d < D; d++)
            to[d * PANEL] = t < T ? k[t * row + d] : 0;
    }
    for (int64_t p = 0; p < channels; p += PANEL)
        for (int64_t t = 0; t < T; t++)
            for (int64_t c = 0; c < PANEL; c++)
                values[(p * T + t * PANEL) + c] = p + c < D ? v[t * row + p + c] : 0;
}

size_t
ac_attention_rows_scratch_bytes(int64_t T)
{
    return ac_scratch_room((size_t) (AC_PRODUCT_MOST_ROWS * ac_product_columns(T)) *
                           sizeof(float)) +
           ac_product_rows_scratch_bytes();
}

void
ac_attention_rows(float *y, int64_t y_row, const float *q, int64_t q_row, int64_t R,
                  const float *keys, const float *values, int64_t T, int64_t D, int64_t first,
                  void *scratch)
{
    const ac_vector *v = ac_kernels()->vector;
    const int64_t most = ac_kernels()->product->rows, columns = ac_product_columns(T);
    float *scores = scratch;
    void *space = (char *) scratch +
                  ac_scratch_room((size_t) (AC_PRODUCT_MOST_ROWS * columns) * sizeof(float));

    for (int64_t r = 0; r < R; r += most) {
        const int64_t n = R - r < most ? R - r : most;
        ac_product_rows(scores, columns, q + r * q_row, q_row, n, keys, T, D, space);
        for (int64_t i = 0; i < n; i++) {
            const int64_t seen = first < 0 || first + r + i + 1 > T ? T : first + r + i + 1;
            v->scale(scores + i * columns, 1.0f / sqrtf((float) D), seen);
            ac_softmax(scores + i * columns, seen);
            memset(scores + i * columns + seen, 0, (size_t) (T - seen) * sizeof(float));
        }
        ac_product_rows(y + r * y_row, y_row, scores, columns, n, values, D, T, space);
    }
}

/* Packed keys, packed values, scratch of the rows. */
static size_t
head_bytes(int64_t T, int64_t D)
{
    return ac_scratch_room((size_t) ac_attention_keys_size(T, D) * sizeof(float)) +
           ac_scratch_room((size_t) ac_attention_values_size(T, D) * sizeof(float)) +
           ac_attention_rows_scratch_bytes(T);
}

/* One text, one head. */
static void
attend(const ac_attention_head *head)
{
    const int64_t T = head->T, C = head->C, D = head->D;
    float *keys = (float *) (void *) head->space;
    float *values = (float *) (void *) (head->space +
                                        ac_scratch_room((size_t) ac_attention_keys_size(T, D) *
                                                        sizeof(float)));
    char *rest = (char *) values +
                 ac_scratch_room((size_t) ac_attention_values_size(T, D) * sizeof(float));

    ac_attention_pack(keys, values, head->qkv + C, head->qkv + 2 * C, 3 * C, T, D);
    ac_attention_rows(head->y, C, head->qkv, 3 * C, T, keys, values, T, D,
                      head->causal ? 0 : -1, rest);
}

static const ac_attention_kernel fp32 = { head_bytes, attend };

size_t
ac_self_attention_scratch_bytes(int64_t longest, int64_t D)
{
    return ac_attention_heads_scratch_bytes(&fp32, longest, D);
}

void
ac_self_attention(float *y, const float *qkv, const int64_t *offsets, int64_t B, int64_t H,
                  int64_t D, bool causal, ac_scratch *scratch)
{
    ac_attention_heads(&fp32, y, qkv, offsets, B, H, D, causal, scratch);
}
