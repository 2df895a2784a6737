#include "engine/comm/topk_merge.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "engine/base/memory.h"

/* What travels. No padding, so that every byte sent was written. */
typedef struct listed {
    int64_t id; /* -1: absent */
    double score;
} listed;

static bool
is_before(const listed *a, const listed *b)
{
    if (a->id < 0 || b->id < 0)
        return a->id >= 0 && b->id < 0;
    return a->score > b->score || (a->score == b->score && a->id < b->id);
}

/* Two lists of k become the best k of both, in `to`. From the end, so that none of `to` is
 * written over before it was used. */
static void
merge_into(const listed *from, listed *to, int64_t k)
{
    int64_t a = 0, b = 0;

    while (a + b < k)
        if (is_before(&from[a], &to[b]))
            a++;
        else
            b++;
    for (int64_t at = k; at-- > 0;) {
        const bool take = b == 0 || (a > 0 && is_before(&to[b - 1], &from[a - 1]));
        to[at] = take ? from[--a] : to[--b];
    }
}

/* An MPI_User_function; an element is a list. */
static void
merge_lists(void *from, void *to, int *count, MPI_Datatype *list)
{
    const listed *a = from;
    listed *b = to;
    int bytes;
    int64_t k;

    AC_MPI(MPI_Type_size(*list, &bytes));
    k = bytes / (int64_t) sizeof *a;
    for (int i = 0; i < *count; i++)
        merge_into(a + i * k, b + i * k, k);
}

/* In steps of pairs: a rank holds two lists of a query at a time, however many ranks there are.
 * The order of lists is total and no entry is in two of them, so the way of pairing decides
 * nothing. */
static void
reduce_all(const ac_comm *comm, int64_t nq, int64_t k, listed *lists)
{
    MPI_Datatype list;
    MPI_Op merge;

    AC_MPI(MPI_Type_contiguous((int) (k * (int64_t) sizeof *lists), MPI_BYTE, &list));
    AC_MPI(MPI_Type_commit(&list));
    AC_MPI(MPI_Op_create(merge_lists, 1, &merge));
    AC_MPI(MPI_Allreduce(MPI_IN_PLACE, lists, (int) nq, list, merge, comm->mpi));
    AC_MPI(MPI_Op_free(&merge));
    AC_MPI(MPI_Type_free(&list));
}

ac_status
ac_topk_merge_all(const ac_comm *comm, int64_t nq, int64_t k, const int64_t *ids,
                  const float *scores, int64_t *out_ids, float *out_scores)
{
    ac_status st = AC_OK;
    int64_t n = nq * k;
    listed *lists = NULL;

    ac_debug_equal_all(comm, n, "sizes of top-k lists");
    if (n > INT_MAX || k > INT_MAX / (int64_t) sizeof *lists)
        st = ac_error_set(AC_E_LIMIT,
                          "top-k: %lld queries of %lld entries are too many for one exchange; "
                          "lower output.shard_items",
                          (long long) nq, (long long) k);
    if (st == AC_OK)
        st = ac_alloc(&lists, n, sizeof *lists);
    AC_TRY(ac_agree_all(comm, st));
    for (int64_t i = 0; i < n; i++)
        lists[i] = (listed){ ids[i], (double) scores[i] };
    if (n)
        reduce_all(comm, nq, k, lists);
    for (int64_t i = 0; i < n; i++) {
        out_ids[i] = lists[i].id;
        out_scores[i] = lists[i].id < 0 ? -INFINITY : (float) lists[i].score;
    }
out:
    free(lists);
    return st;
}
