#include "engine/retrieval/exact.h"

enum { CHAINS = 8 };

float
ac_exact_score(const float *q, const float *c, int64_t D)
{
    double sum = 0;

    for (int64_t d = 0; d < D; d++)
        sum += (double) q[d] * (double) c[d]; /* the product is exact, the sum rounds */
    return (float) sum;
}

/* Eight sums: each waits for its own last addition only, so the processor has eight to work on.
 */
static void
eight_scores(float *scores, const float *q, const float *const *rows, int64_t D)
{
    double sums[CHAINS] = { 0 };

    for (int64_t d = 0; d < D; d++) {
        const double x = (double) q[d];
        for (int j = 0; j < CHAINS; j++)
            sums[j] += x * (double) rows[j][d];
    }
    for (int j = 0; j < CHAINS; j++)
        scores[j] = (float) sums[j];
}

void
ac_exact_scores(float *scores, const float *q, const float *const *rows, int64_t n, int64_t D)
{
    int64_t i = 0;

    for (; i + CHAINS <= n; i += CHAINS)
        eight_scores(scores + i, q, rows + i, D);
    for (; i < n; i++)
        scores[i] = ac_exact_score(q, rows[i], D);
}
