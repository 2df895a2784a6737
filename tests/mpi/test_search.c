/* A cache split over the ranks, searched slice by slice and merged, gives the single search's
 * answer on every rank: ties across slices, slices without entries, k past the end, any scan on
 * any rank. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/random.h"
#include "engine/comm/topk_merge.h"
#include "engine/retrieval/topk.h"
#include "tests/mpi/check.h"

/* The same on every rank: every fourth entry is that of 40 places before, so that scores tie
 * across slices. */
static void
fill(float *x, int64_t n, int64_t D, uint64_t stream)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t d = 0; d < D; d++)
            x[i * D + d] =
                i % 4 == 0 && i >= 40
                    ? x[(i - 40) * D + d]
                    : (float) (2 * ac_random_uniform(7, stream, (uint32_t) i, (uint32_t) d) -
                               1);
}

static void
search_equals_the_single_one(const ac_comm *comm, int64_t n, int64_t D, int64_t nq, int64_t k)
{
    const int64_t first = n * comm->rank / comm->size,
                  count = n * (comm->rank + 1) / comm->size - first;
    const ac_scan scan =
        (ac_scan) (AC_SCAN_INT8 + (comm->rank + 1) % 4); /* ranks need not agree */
    float *x = calloc((size_t) (n * D + 1), sizeof *x),
          *q = calloc((size_t) (nq * D), sizeof *q),
          *scores = calloc((size_t) (3 * nq * k), sizeof *scores);
    int64_t *ids = calloc((size_t) (3 * nq * k), sizeof *ids), *merged = ids + nq * k,
            *expected = merged + nq * k;
    ac_topk_index index = { 0 };

    fill(x, n, D, 1);
    fill(q, nq, D, 2);
    CHECK(ac_topk_index_init(&index, x + first * D, count, D, first, scan, 0) == AC_OK);
    CHECK(ac_topk_search(&index, q, nq, k, ids, scores, NULL) == AC_OK);
    CHECK(ac_topk_merge_all(comm, nq, k, ids, scores, merged, scores + nq * k) == AC_OK);
    CHECK(ac_topk_ref(x, n, D, 0, q, nq, k, expected, scores + 2 * nq * k) == AC_OK);
    CHECK(memcmp(merged, expected, (size_t) (nq * k) * sizeof *ids) == 0);
    CHECK(memcmp(scores + nq * k, scores + 2 * nq * k, (size_t) (nq * k) * sizeof *scores) ==
          0);
    ac_topk_index_free(&index);
    free(x);
    free(q);
    free(ids);
    free(scores);
}

int
main(int argc, char **argv)
{
    ac_comm comm;

    MPI_Init(&argc, &argv);
    ac_comm_init(&comm, MPI_COMM_WORLD);
    search_equals_the_single_one(&comm, 1001, 33, 50, 10);
    search_equals_the_single_one(&comm, 400, 64, 7, 1);
    search_equals_the_single_one(&comm, 17, 8, 5, 30);
    search_equals_the_single_one(&comm, 2, 8, 5, 3); /* fewer entries than ranks */
    search_equals_the_single_one(&comm, 0, 8, 5, 3);
    /* more than one exchange carries: refused on all ranks, before anything is read or sent */
    CHECK(ac_topk_merge_all(&comm, INT_MAX, 2, NULL, NULL, NULL, NULL) == AC_E_LIMIT);
    ac_comm_free(&comm);
    MPI_Finalize();
    return 0;
}
