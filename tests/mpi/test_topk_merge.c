/* A cache split over the ranks, searched slice by slice and merged, gives the single search's answer on every rank: ties
 * across slices, slices without entries, k past the end, any scan on any rank. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/random.h"
#include "engine/comm/topk_merge.h"
#include "engine/retrieval/topk.h"

static ac_comm comm;

/* The same on every rank: every fourth entry is that of 40 places before, so that scores tie across slices. */
static void
fill(float *x, int64_t n, int64_t D, uint64_t stream)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t d = 0; d < D; d++)
            x[i * D + d] = i % 4 == 0 && i >= 40 ? x[(i - 40) * D + d] : (float) (2 * ac_random_uniform(7, stream, (uint32_t) i, (uint32_t) d) - 1);
}

static void
check(int64_t n, int64_t D, int64_t nq, int64_t k)
{
    const int64_t first = n * comm.rank / comm.size, count = n * (comm.rank + 1) / comm.size - first;
    const ac_scan scan = (ac_scan) (AC_SCAN_INT8 + (comm.rank + 1) % 3); /* ranks need not agree */
    float *x = calloc((size_t) (n * D + 1), sizeof *x), *q = calloc((size_t) (nq * D), sizeof *q), *scores = calloc((size_t) (3 * nq * k), sizeof *scores);
    int64_t *ids = calloc((size_t) (3 * nq * k), sizeof *ids), *merged = ids + nq * k, *expected = merged + nq * k;
    ac_topk_index index = { 0 };

    fill(x, n, D, 1);
    fill(q, nq, D, 2);
    assert_int_equal(ac_topk_index_init(&index, x + first * D, count, D, first, scan, 0), AC_OK);
    assert_int_equal(ac_topk_search(&index, q, nq, k, ids, scores, NULL), AC_OK);
    assert_int_equal(ac_topk_merge_all(&comm, nq, k, ids, scores, merged, scores + nq * k), AC_OK);
    assert_int_equal(ac_topk_ref(x, n, D, 0, q, nq, k, expected, scores + 2 * nq * k), AC_OK);
    assert_memory_equal(merged, expected, (size_t) (nq * k) * sizeof *ids);
    assert_memory_equal(scores + nq * k, scores + 2 * nq * k, (size_t) (nq * k) * sizeof *scores);
    ac_topk_index_free(&index);
    free(x);
    free(q);
    free(ids);
    free(scores);
}

static void
equals_the_single_search(void **state)
{
    (void) state;
    check(1001, 33, 50, 10);
    check(400, 64, 7, 1);
    check(17, 8, 5, 30);
    check(2, 8, 5, 3); /* fewer entries than ranks */
    check(0, 8, 5, 3);
}

static void
refuses_what_one_exchange_cannot_carry(void **state)
{
    (void) state;
    assert_int_equal(ac_topk_merge_all(&comm, INT_MAX, 2, NULL, NULL, NULL, NULL), AC_E_LIMIT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(equals_the_single_search), cmocka_unit_test(refuses_what_one_exchange_cannot_carry) };
    int failed;

    MPI_Init(NULL, NULL);
    if (ac_comm_init(&comm, MPI_COMM_WORLD) != AC_OK)
        MPI_Abort(MPI_COMM_WORLD, 1);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (failed)
        MPI_Abort(MPI_COMM_WORLD, 1); /* the others may wait in a collective */
    ac_comm_free(&comm);
    MPI_Finalize();
    return failed;
}
