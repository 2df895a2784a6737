/* The definitions, in double, one number after the other: for the tests. */
#include <math.h>

#include "engine/kernels/kernels.h"

void
ac_layernorm_ref(float *y, const float *x, const float *gamma, const float *beta, int64_t N,
                 int64_t C, float eps)
{
    for (int64_t n = 0; n < N; n++, x += C, y += C) {
        double sum = 0, squares = 0;
        for (int64_t c = 0; c < C; c++)
            sum += (double) x[c];
        for (int64_t c = 0; c < C; c++)
            squares += ((double) x[c] - sum / (double) C) * ((double) x[c] - sum / (double) C);
        for (int64_t c = 0; c < C; c++)
            y[c] = (float) (((double) x[c] - sum / (double) C) /
                                sqrt(squares / (double) C + (double) eps) * (double) gamma[c] +
                            (double) beta[c]);
    }
}

/* Query t of head h of a text that begins at token `first`. */
static void
attend_ref(float *y, const float *qkv, int64_t first, int64_t t, int64_t seen, int64_t C,
           int64_t h, int64_t D)
{
    const float *q = qkv + (first + t) * 3 * C + h * D;
    double total = 0;

    for (int pass = 0; pass < 2; pass++) { /* the sum of the exponentials, then the values */
        for (int64_t s = 0; s < seen; s++) {
            const float *k = qkv + (first + s) * 3 * C + C + h * D, *v = k + C;
            double score = 0, weight;
            for (int64_t d = 0; d < D; d++)
                score += (double) q[d] * (double) k[d];
            weight = exp(score / sqrt((double) D));
            if (pass == 0)
                total += weight;
            for (int64_t d = 0; d < D && pass == 1; d++)
                y[d] = (float) ((s ? (double) y[d] : 0) + weight / total * (double) v[d]);
        }
    }
}

void
ac_self_attention_ref(float *y, const float *qkv, const int64_t *offsets, int64_t B, int64_t H,
                      int64_t D, bool causal)
{
    const int64_t C = H * D;

    for (int64_t b = 0; b < B; b++)
        for (int64_t t = 0; t < offsets[b + 1] - offsets[b]; t++)
            for (int64_t h = 0; h < H; h++)
                attend_ref(y + (offsets[b] + t) * C + h * D, qkv, offsets[b], t,
                           causal ? t + 1 : offsets[b + 1] - offsets[b], C, h, D);
}
