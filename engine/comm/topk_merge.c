#include "engine/comm/topk_merge.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "engine/base/memory.h"

/* One query: `size` sorted lists of k, `stride` apart, become one of k. heads [size] is
 * scratch. */
static void
merge_lists(int size, int64_t k, int64_t stride, const int64_t *ids, const float *scores,
            int64_t *heads, int64_t *out_ids, float *out_scores)
{
    for (int r = 0; r < size; r++)
        heads[r] = 0;
    for (int64_t j = 0; j < k; j++) {
        int64_t best = -1;
        int from = 0;
        for (int r = 0; r < size; r++) {
            int64_t at = r * stride + heads[r];
            if (heads[r] == k || ids[at] < 0)
                continue;
            if (best < 0 || scores[at] > scores[best] ||
                (scores[at] == scores[best] && ids[at] < ids[best])) {
                best = at;
                from = r;
            }
        }
        out_ids[j] = best < 0 ? -1 : ids[best];
        out_scores[j] = best < 0 ? -INFINITY : scores[best];
        heads[from] += best >= 0;
    }
}

ac_status
ac_topk_merge_all(const ac_comm *comm, int64_t nq, int64_t k, const int64_t *ids,
                  const float *scores, int64_t *out_ids, float *out_scores)
{
    ac_status st = AC_OK;
    int64_t *all_ids = NULL, *heads = NULL, n = nq * k;
    float *all_scores = NULL;

    ac_debug_equal_all(comm, n, "sizes of top-k lists");
    if (n > INT_MAX)
        st = ac_error_set(AC_E_LIMIT,
                          "top-k: %lld queries of %lld entries are too many for one exchange; "
                          "lower output.shard_items",
                          (long long) nq, (long long) k);
    if (st == AC_OK)
        st = ac_alloc(&all_ids, comm->size * n, sizeof *all_ids);
    if (st == AC_OK)
        st = ac_alloc(&all_scores, comm->size * n, sizeof *all_scores);
    if (st == AC_OK)
        st = ac_alloc(&heads, comm->size, sizeof *heads);
    AC_TRY(ac_agree_all(comm, st));
    AC_MPI(MPI_Allgather(ids, (int) n, MPI_INT64_T, all_ids, (int) n, MPI_INT64_T, comm->mpi));
    AC_MPI(
        MPI_Allgather(scores, (int) n, MPI_FLOAT, all_scores, (int) n, MPI_FLOAT, comm->mpi));
    for (int64_t q = 0; q < nq; q++)
        merge_lists(comm->size, k, n, all_ids + q * k, all_scores + q * k, heads,
                    out_ids + q * k, out_scores + q * k);
out:
    free(all_ids);
    free(all_scores);
    free(heads);
    return st;
}
