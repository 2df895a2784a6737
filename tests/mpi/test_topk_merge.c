/* Merging top-k lists: against one sorted list of everything, with ties across ranks and slices
 * shorter than k. */
#include <math.h>
#include <stdlib.h>

#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "engine/comm/topk_merge.h"
#include "tests/mpi/check.h"

typedef struct scored {
    int64_t id;
    float score;
} scored;

static int
best_first(const void *a, const void *b)
{
    const scored *x = a, *y = b;

    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

/* Entry `id`'s score for query q: few different values, so that ties are many. */
static float
score_of(int64_t q, int64_t id)
{
    return floorf((float) (8 * ac_random_uniform(7, (uint64_t) q, (uint32_t) id, 0))) / 8;
}

/* The best k of entries [first, last), padded with -1 and -inf. */
static void
best_of(int64_t q, int64_t first, int64_t last, int64_t k, int64_t *ids, float *scores)
{
    const int64_t n = last - first;
    scored *all;

    CHECK(ac_alloc(&all, n, sizeof *all) == AC_OK);
    for (int64_t i = 0; i < n; i++)
        all[i] = (scored){ first + i, score_of(q, first + i) };
    qsort(all, (size_t) n, sizeof *all, best_first);
    for (int64_t j = 0; j < k; j++) {
        ids[j] = j < n ? all[j].id : -1;
        scores[j] = j < n ? all[j].score : -INFINITY;
    }
    free(all);
}

static void
merge_equals_sorting(const ac_comm *comm, int64_t entries, int64_t nq, int64_t k)
{
    const int64_t first = entries * comm->rank / comm->size,
                  last = entries * (comm->rank + 1) / comm->size;
    int64_t *ids, *merged, *expected;
    float *scores, *merged_scores, *expected_scores;

    CHECK(ac_alloc(&ids, nq * k, sizeof *ids) == AC_OK &&
          ac_alloc(&merged, nq * k, sizeof *merged) == AC_OK);
    CHECK(ac_alloc(&scores, nq * k, sizeof *scores) == AC_OK &&
          ac_alloc(&merged_scores, nq * k, sizeof *merged_scores) == AC_OK);
    CHECK(ac_alloc(&expected, k, sizeof *expected) == AC_OK &&
          ac_alloc(&expected_scores, k, sizeof *expected_scores) == AC_OK);
    for (int64_t q = 0; q < nq; q++)
        best_of(q, first, last, k, ids + q * k, scores + q * k);
    CHECK(ac_topk_merge_all(comm, nq, k, ids, scores, merged, merged_scores) == AC_OK);
    for (int64_t q = 0; q < nq; q++) {
        best_of(q, 0, entries, k, expected, expected_scores);
        for (int64_t j = 0; j < k; j++) {
            CHECK(merged[q * k + j] == expected[j]);
            CHECK(merged_scores[q * k + j] == expected_scores[j]);
        }
    }
    free(ids);
    free(merged);
    free(expected);
    free(scores);
    free(merged_scores);
    free(expected_scores);
}

int
main(int argc, char **argv)
{
    ac_comm comm;

    MPI_Init(&argc, &argv);
    ac_comm_init(&comm, MPI_COMM_WORLD);
    merge_equals_sorting(&comm, 1000, 25, 10);
    merge_equals_sorting(&comm, 1000, 3, 300); /* k past a slice's size at 4 ranks */
    merge_equals_sorting(&comm, 2, 4, 5);      /* fewer entries than ranks, and than k */
    merge_equals_sorting(&comm, 1, 1, 1);
    merge_equals_sorting(&comm, 50, 0, 3); /* no query */
    ac_comm_free(&comm);
    MPI_Finalize();
    return 0;
}
