#include "engine/retrieval/topk.h"

#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

enum { QUERIES = 32, ENTRIES = 1024 };

typedef struct hit {
    float score;
    int64_t id;
} hit;

bool
ac_embeddings_check(const float *x, int64_t n, int64_t D, int64_t *bad_row)
{
    for (int64_t i = 0; i < n * D; i++) {
        if (!isfinite(x[i])) {
            *bad_row = i / D;
            return false;
        }
    }
    return true;
}

static double
norm(const float *x, int64_t D)
{
    double sum = 0;

    for (int64_t i = 0; i < D; i++)
        sum += (double) x[i] * (double) x[i];
    return sqrt(sum);
}

ac_status
ac_topk_index_init(ac_topk_index *self, const float *embeddings, int64_t n, int64_t D, int64_t first)
{
    ac_status st;

    *self = (ac_topk_index) { .embeddings = embeddings, .n = n, .D = D, .first = first };
    st = ac_alloc(&self->norms, n, sizeof *self->norms);
    if (st != AC_OK)
        return st;
#pragma omp parallel for
    for (int64_t i = 0; i < n; i++)
        self->norms[i] = (float) (norm(embeddings + i * D, D) * 1.000001); /* rounded up */
    return AC_OK;
}

void
ac_topk_index_free(ac_topk_index *self)
{
    free(self->norms);
    *self = (ac_topk_index) { 0 };
}

static float
exact_score(const float *q, const float *c, int64_t D)
{
    double sum = 0;

    for (int64_t i = 0; i < D; i++)
        sum += (double) q[i] * (double) c[i];
    return (float) sum;
}

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

/* One query against a block of scanned scores. The k-th exact score so far bounds what can still come in. */
static void
select_block(const ac_topk_index *self, const float *q, float q_norm, const float *scanned, int64_t from, int64_t n, int64_t k,
             hit *best, int64_t *count)
{
    const float slack = 2.0f * (float) self->D * 0x1p-23f * q_norm;

    for (int64_t i = 0; i < n; i++) {
        const int64_t at = from + i;
        if (*count == k && scanned[i] + slack * self->norms[at] < best[k - 1].score)
            continue;
        insert(best, k, count, (hit) { exact_score(q, self->embeddings + at * self->D, self->D), self->first + at });
    }
}

static void
search_block(const ac_topk_index *self, const float *queries, int64_t nq, int64_t k, hit *best, float *scanned, int64_t *ids, float *scores)
{
    int64_t counts[QUERIES] = { 0 };
    float norms[QUERIES];

    for (int64_t q = 0; q < nq; q++)
        norms[q] = (float) (norm(queries + q * self->D, self->D) * 1.000001);
    for (int64_t from = 0; from < self->n; from += ENTRIES) {
        const int64_t n = self->n - from < ENTRIES ? self->n - from : ENTRIES;
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int) nq, (int) n, (int) self->D, 1.0f, queries, (int) self->D,
                    self->embeddings + from * self->D, (int) self->D, 0.0f, scanned, ENTRIES);
        for (int64_t q = 0; q < nq; q++)
            select_block(self, queries + q * self->D, norms[q], scanned + q * ENTRIES, from, n, k, best + q * k, &counts[q]);
    }
    for (int64_t q = 0; q < nq; q++) {
        for (int64_t j = 0; j < k; j++) {
            ids[q * k + j] = j < counts[q] ? best[q * k + j].id : -1;
            scores[q * k + j] = j < counts[q] ? best[q * k + j].score : -INFINITY;
        }
    }
}

ac_status
ac_topk_search(const ac_topk_index *self, const float *queries, int64_t nq, int64_t k, int64_t *ids, float *scores)
{
    const int threads = omp_get_max_threads();
    hit *best = NULL;
    float *scanned = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&best, threads * QUERIES * k, sizeof *best));
    AC_TRY(ac_alloc_aligned(&scanned, (int64_t) threads * QUERIES * ENTRIES, sizeof *scanned));
#pragma omp parallel for schedule(dynamic, 1)
    for (int64_t q = 0; q < nq; q += QUERIES)
        search_block(self, queries + q * self->D, nq - q < QUERIES ? nq - q : QUERIES, k, best + omp_get_thread_num() * QUERIES * k,
                     scanned + (int64_t) omp_get_thread_num() * QUERIES * ENTRIES, ids + q * k, scores + q * k);
out:
    free(best);
    free(scanned);
    return st;
}

ac_status
ac_topk_ref(const float *embeddings, int64_t n, int64_t D, int64_t first, const float *queries, int64_t nq, int64_t k, int64_t *ids,
            float *scores)
{
    hit *best = NULL;
    ac_status st = ac_alloc(&best, k, sizeof *best);

    for (int64_t q = 0; q < nq && st == AC_OK; q++) {
        int64_t count = 0;
        for (int64_t i = 0; i < n; i++)
            insert(best, k, &count, (hit) { exact_score(queries + q * D, embeddings + i * D, D), first + i });
        for (int64_t j = 0; j < k; j++) {
            ids[q * k + j] = j < count ? best[j].id : -1;
            scores[q * k + j] = j < count ? best[j].score : -INFINITY;
        }
    }
    free(best);
    return st;
}
