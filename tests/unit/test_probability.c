/* Softmax over all entries of a search: against the definition, and the same from any parts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>

#include "engine/retrieval/exact.h"
#include "engine/retrieval/probability.h"

enum { N = 700, D = 24, Q = 5 };

static float embeddings[N * D], queries[Q * D], tops[Q];

static void
fill(float *x, int64_t n, uint32_t stream)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = (float) sin((double) i * 12.9898 + (double) stream * 78.233) / 5;
}

static void
as_defined(void **state)
{
    const float scale = 46.5f;
    int64_t sums[Q] = { 0 }, parts[Q] = { 0 };

    (void) state;
    fill(embeddings, N * D, 1);
    fill(queries, Q * D, 2);
    for (int q = 0; q < Q; q++) {
        tops[q] = -INFINITY;
        for (int i = 0; i < N; i++) {
            const float s = ac_exact_score(queries + q * D, embeddings + i * D, D);
            tops[q] = s > tops[q] ? s : tops[q];
        }
    }
    ac_probability_sums(sums, embeddings, N, D, queries, Q, tops, scale);
    ac_probability_sums(parts, embeddings + 100 * D, N - 100, D, queries, Q, tops, scale);
    ac_probability_sums(parts, embeddings, 100, D, queries, Q, tops, scale);
    for (int q = 0; q < Q; q++) {
        double sum = 0, total = 0;
        assert_true(sums[q] == parts[q]);
        for (int i = 0; i < N; i++)
            sum += exp((double) scale *
                       ((double) ac_exact_score(queries + q * D, embeddings + i * D, D) -
                        (double) tops[q]));
        for (int i = 0; i < N; i++) {
            const float s = ac_exact_score(queries + q * D, embeddings + i * D, D);
            const double expected = exp((double) scale * ((double) s - (double) tops[q])) / sum,
                         p = (double) ac_probability(scale, s, tops[q], sums[q]);
            assert_true(fabs(p - expected) <= 1e-7 * expected + 1e-30);
            total += p;
        }
        assert_true(fabs(total - 1) < 1e-6);
    }
}

static void
extremes(void **state)
{
    const int64_t one = ac_probability_weight(100, 1, 1);

    (void) state;
    assert_true(one == (int64_t) 1 << 40);
    assert_true(ac_probability_weight(100, -1, 1) == 0);
    assert_true(ac_probability_weight(1e30f, -1, 1) == 0);
    assert_true(ac_probability(100, 0.5f, 0.5f, one) == 1);
    assert_true(ac_probability(1e30f, -1, 1, one) == 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(as_defined),
                                        cmocka_unit_test(extremes) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
