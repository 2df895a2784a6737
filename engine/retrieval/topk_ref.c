/* The definition of the search, entry by entry: what the fast one is tested against. */
#include <math.h>
#include <stdlib.h>

#include "engine/base/memory.h"
#include "engine/retrieval/exact.h"
#include "engine/retrieval/topk.h"

typedef struct hit {
    float score;
    int64_t id;
} hit;

static bool
is_better(hit a, hit b)
{
    return a.score > b.score || (a.score == b.score && a.id < b.id);
}

/* The k best so far, best first: insert if it is among them. */
static void
insert(hit *best, int64_t k, int64_t *count, hit h)
{
    int64_t at;

    if (*count == k && !is_better(h, best[k - 1]))
        return;
    at = *count < k ? (*count)++ : k - 1;
    for (; at > 0 && is_better(h, best[at - 1]); at--)
        best[at] = best[at - 1];
    best[at] = h;
}

ac_status
ac_topk_ref(const float *embeddings, int64_t n, int64_t D, int64_t first, const float *queries,
            int64_t nq, int64_t k, int64_t *ids, float *scores)
{
    hit *best = NULL;
    ac_status st = ac_alloc(&best, k, sizeof *best);

    for (int64_t q = 0; q < nq && st == AC_OK; q++) {
        int64_t count = 0;
        for (int64_t i = 0; i < n; i++)
            insert(best, k, &count,
                   (hit){ ac_exact_score(queries + q * D, embeddings + i * D, D), first + i });
        for (int64_t j = 0; j < k; j++) {
            ids[q * k + j] = j < count ? best[j].id : -1;
            scores[q * k + j] = j < count ? best[j].score : -INFINITY;
        }
    }
    free(best);
    return st;
}
