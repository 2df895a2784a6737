/* The fast search equals the definition: duplicates, near-ties, zero vectors, long vectors, k past the end, any threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/random.h"
#include "engine/nn/compute.h"
#include "engine/retrieval/topk.h"

static float
draw(uint64_t seed, uint32_t a, uint32_t b)
{
    return (float) (2 * ac_random_uniform(seed, 0, a, b) - 1);
}

static void
check(uint64_t seed, int64_t n, int64_t D, int64_t nq, int64_t k)
{
    float *c = calloc((size_t) (n * D), sizeof *c), *q = calloc((size_t) (nq * D), sizeof *q);
    int64_t *ids = calloc((size_t) (nq * k), sizeof *ids), *expected_ids = calloc((size_t) (nq * k), sizeof *ids);
    float *scores = calloc((size_t) (nq * k), sizeof *scores), *expected = calloc((size_t) (nq * k), sizeof *scores);

    for (int64_t i = 0; i < n; i++) {
        for (int64_t d = 0; d < D; d++)
            c[i * D + d] = draw(seed, (uint32_t) i, (uint32_t) d);
        if (i % 5 == 1) /* a duplicate of an earlier entry */
            memcpy(c + i * D, c + (i - 1) * D, (size_t) D * sizeof *c);
        if (i % 5 == 2) { /* one unit in the last place away */
            memcpy(c + i * D, c + (i - 1) * D, (size_t) D * sizeof *c);
            c[i * D] = nextafterf(c[i * D], 9);
        }
        if (i % 17 == 3)
            memset(c + i * D, 0, (size_t) D * sizeof *c);
        if (i % 23 == 4)
            for (int64_t d = 0; d < D; d++)
                c[i * D + d] *= d % 2 ? 1e4f : -1e4f;
    }
    for (int64_t i = 0; i < nq * D; i++)
        q[i] = draw(seed + 1, 0, (uint32_t) i);
    memset(q, 0, (size_t) D * sizeof *q); /* a zero query: every score ties */
    assert_int_equal(ac_topk_ref(c, n, D, 100, q, nq, k, expected_ids, expected), AC_OK);
    for (int threads = 1; threads <= 3; threads++) {
        ac_topk_index index;
        ac_compute_init(threads);
        assert_int_equal(ac_topk_index_init(&index, c, n, D, 100), AC_OK);
        assert_int_equal(ac_topk_search(&index, q, nq, k, ids, scores), AC_OK);
        assert_memory_equal(ids, expected_ids, (size_t) (nq * k) * sizeof *ids);
        assert_memory_equal(scores, expected, (size_t) (nq * k) * sizeof *scores);
        ac_topk_index_free(&index);
    }
    free(c);
    free(q);
    free(ids);
    free(expected_ids);
    free(scores);
    free(expected);
}

static void
equals_the_definition(void **state)
{
    (void) state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        check(seed, 3000, 64, 70, 10);
        check(seed, 1025, 7, 33, 3);
        check(seed, 5, 16, 2, 9);
        check(seed, 1, 1, 1, 1);
    }
}

static void
finds_what_is_not_finite(void **state)
{
    float x[6] = { 0, 1, 2, NAN, 4, 5 };
    int64_t row = -1;

    (void) state;
    assert_false(ac_embeddings_check(x, 3, 2, &row));
    assert_int_equal(row, 1);
    x[3] = 3;
    assert_true(ac_embeddings_check(x, 3, 2, &row));
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(equals_the_definition), cmocka_unit_test(finds_what_is_not_finite) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
