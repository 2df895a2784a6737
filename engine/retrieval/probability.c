#include "engine/retrieval/probability.h"

#include <math.h>

#include "engine/retrieval/exact.h"

/* exp(x) for x <= 0: 2^k exp(r), |r| <= ln 2 / 2, and the series of exp(r) to the 13th power,
 * whose next term is below 2^-57. */
static double
exponential(double x)
{
    static const double ln2_high = 0x1.62e42fee00000p-1, ln2_low = 0x1.a39ef35793c76p-33;
    const double k = rint(x * 0x1.71547652b82fep+0);
    const double r = (x - k * ln2_high) - k * ln2_low;
    double sum = 1;

    if (!(x > -700))
        return 0;
    for (int i = 13; i > 0; i--)
        sum = 1 + sum * r / i;
    return ldexp(sum, (int) k);
}

static double
weight(float scale, float score, float top)
{
    return exponential((double) scale * ((double) score - (double) top));
}

int64_t
ac_probability_weight(float scale, float score, float top)
{
    return (int64_t) rint(0x1p40 * weight(scale, score, top));
}

void
ac_probability_sums(int64_t *sums, const float *embeddings, int64_t n, int64_t D,
                    const float *queries, int64_t nq, const float *top, float scale)
{
#pragma omp parallel for schedule(dynamic, 1)
    for (int64_t q = 0; q < nq; q++) {
        enum { BATCH = 64 };
        for (int64_t from = 0; from < n; from += BATCH) {
            const int64_t count = n - from < BATCH ? n - from : BATCH;
            const float *rows[BATCH];
            float scores[BATCH];
            for (int64_t j = 0; j < count; j++)
                rows[j] = embeddings + (from + j) * D;
            ac_exact_scores(scores, queries + q * D, rows, count, D);
            for (int64_t j = 0; j < count; j++)
                sums[q] += ac_probability_weight(scale, scores[j], top[q]);
        }
    }
}

float
ac_probability(float scale, float score, float top, int64_t sum)
{
    return (float) (0x1p40 * weight(scale, score, top) / (double) sum);
}
