/*
 * The search. Queries in blocks whose panels fit a core's second-level cache; entries in chunks that the threads share out.
 * For each group of 16 entries (expanded once) and each panel of 6 queries a kernel gives 96 approximate scores, which are
 * looked at at once: those that can still matter become candidates, the others are never written anywhere.
 */
#include "engine/retrieval/topk.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/retrieval/candidates.h"
#include "engine/retrieval/exact.h"
#include "engine/retrieval/scan.h"

enum {
    PANEL_BYTES = 288 << 10,     /* of a block of queries */
    CANDIDATE_BYTES = 32 << 20,  /* of a thread, where k allows */
    CHUNK_GROUPS = 64            /* groups a thread takes at a time */
};

/* Far above the rounding of the few operations in double that bounds are made of. */
#define DOUBLE_CUSHION 0x1p-48

/* One query as one thread sees it. */
typedef struct row {
    ac_candidates found;
    float limit; /* upper bounds below it (without base and constant) cannot matter */
} row;

/* One thread's memory. */
typedef struct worker {
    row *rows;             /* [block] */
    ac_candidate *items;   /* [block, capacity] */
    unsigned char *tile;   /* an expanded group */
    float *scanned;        /* [6, 16] */
} worker;

/* A block of queries in search. */
typedef struct block {
    const ac_topk_index *index;
    const ac_scan_query *queries; /* [rows] */
    const unsigned char *panels;
    double *thresholds; /* [rows]: the best that any thread has made known */
    int64_t rows, k;
    bool direct;
} block;

static ac_candidate_source
source_of(const block *b, int64_t r)
{
    return (ac_candidate_source) { b->queries[r].q, b->index->embeddings, b->index->D };
}

static float
round_down(double x)
{
    const float y = (float) x;

    return (double) y > x ? nextafterf(y, -INFINITY) : y;
}

/* The threshold as a limit for base-less scanned scores in float. */
static void
set_limit(row *self, const ac_scan_query *q)
{
    const double t = self->found.threshold;

    self->limit = isinf(t) ? (float) t : round_down(t - q->base - q->constant - DOUBLE_CUSHION * (fabs(t) + fabs(q->base)));
}

#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("avx2,fma"))) static unsigned
select_avx2(const float *scanned, const float *errors, const float *norms, float spread, float slack, float limit)
{
    const __m256 A = _mm256_set1_ps(spread), B = _mm256_set1_ps(slack), T = _mm256_set1_ps(limit);
    unsigned mask = 0;

    for (int h = 0; h < AC_SCAN_GROUP; h += 8) {
        const __m256 radius = _mm256_fmadd_ps(A, _mm256_loadu_ps(errors + h), _mm256_mul_ps(B, _mm256_loadu_ps(norms + h)));
        const __m256 upper = _mm256_add_ps(_mm256_loadu_ps(scanned + h), radius);
        mask |= (unsigned) _mm256_movemask_ps(_mm256_cmp_ps(upper, T, _CMP_NLT_UQ)) << h;
    }
    return mask;
}

__attribute__((target("avx2"))) static void
scale_avx2(float *scanned, const float *scales, float scale)
{
    for (int h = 0; h < AC_SCAN_GROUP; h += 8) {
        const __m256 x = _mm256_cvtepi32_ps(_mm256_loadu_si256((const __m256i *) (const void *) (scanned + h)));
        _mm256_storeu_ps(scanned + h, _mm256_mul_ps(_mm256_mul_ps(x, _mm256_loadu_ps(scales + h)), _mm256_set1_ps(scale)));
    }
}
#endif

/* Bit j: entry j's upper bound is not below the limit (also where it is not a number). */
static unsigned
select_scalar(const float *scanned, const float *errors, const float *norms, float spread, float slack, float limit)
{
    unsigned mask = 0;

    for (int j = 0; j < AC_SCAN_GROUP; j++)
        mask |= (unsigned) !(scanned[j] + (spread * errors[j] + slack * norms[j]) < limit) << j;
    return mask;
}

/* Integer dot products, in place, to scores. */
static void
scale_scalar(float *scanned, const float *scales, float scale)
{
    for (int j = 0; j < AC_SCAN_GROUP; j++) {
        int32_t integer;
        memcpy(&integer, scanned + j, sizeof integer);
        scanned[j] = (float) integer * scales[j] * scale;
    }
}

/* The chosen ones of the two pairs above. */
typedef struct selection {
    unsigned (*select)(const float *, const float *, const float *, float, float, float);
    void (*scale)(float *, const float *, float);
} selection;

static selection
choose_selection(void)
{
#if defined(__x86_64__)
    if (ac_scan_fp32_avx2.is_available())
        return (selection) { select_avx2, scale_avx2 };
#endif
    return (selection) { select_scalar, scale_scalar };
}

static void
push(const block *b, row *self, int64_t r, int64_t at, float scanned)
{
    const ac_scan_query *q = &b->queries[r];
    const ac_candidate_source source = source_of(b, r);
    const double before = self->found.threshold, centre = q->base + (double) scanned;
    const double spread = (double) q->spread * (double) b->index->errors[at] + (double) q->slack * (double) b->index->norms[at];
    const double radius = spread + q->constant + DOUBLE_CUSHION * (spread + fabs(q->base) + fabs((double) scanned));

    ac_candidates_push(&self->found, &source, centre - radius, centre + radius, at);
    if (self->found.threshold > before)
        set_limit(self, q);
}

static void
scan_group(const block *b, const selection *use, worker *w, int64_t g)
{
    const ac_topk_index *x = b->index;
    const ac_scan_kernel *kernel = x->kernel;
    const int64_t first = g * AC_SCAN_GROUP, count = x->n - first < AC_SCAN_GROUP ? x->n - first : AC_SCAN_GROUP;
    const void *group = kernel->scan == AC_SCAN_FP32 ? (const void *) (x->embeddings + first * x->D)
                                                     : x->packed + g * ac_scan_group_bytes(kernel->scan, x->D);
    const int64_t width = kernel->query_max ? ac_scan_padded(x->D) : x->D;

    if (!b->direct && kernel->expand)
        kernel->expand(w->tile, group, x->D, count);
    for (int64_t from = 0; from < b->rows; from += AC_SCAN_ROWS) {
        const int rows = b->rows - from < AC_SCAN_ROWS ? (int) (b->rows - from) : AC_SCAN_ROWS;
        const void *panel = b->panels + from * width * kernel->query_bytes;
        if (b->direct)
            kernel->tile_direct(w->scanned, group, panel, x->D, rows, count);
        else
            kernel->tile(w->scanned, kernel->expand ? w->tile : group, panel, x->sums + first, x->D, rows);
        for (int r = 0; r < rows; r++) {
            const ac_scan_query *q = &b->queries[from + r];
            float *scanned = w->scanned + r * AC_SCAN_GROUP;
            unsigned mask;
            if (kernel->query_max)
                use->scale(scanned, x->scales + first, q->scale);
            mask = use->select(scanned, x->errors + first, x->norms + first, q->spread, q->slack, w->rows[from + r].limit);
            for (; mask; mask &= mask - 1) {
                const int j = __builtin_ctz(mask);
                if (j < count)
                    push(b, &w->rows[from + r], from + r, first + j, scanned[j]);
            }
        }
    }
}

/* Learn the other threads' thresholds, and tell ours. A larger value lost between reading and writing only costs time. */
static void
share_thresholds(const block *b, worker *w)
{
    for (int64_t r = 0; r < b->rows; r++) {
        double shared;
#pragma omp atomic read
        shared = b->thresholds[r];
        if (shared > w->rows[r].found.threshold) {
            w->rows[r].found.threshold = shared;
            set_limit(&w->rows[r], &b->queries[r]);
        } else if (shared < w->rows[r].found.threshold) {
#pragma omp atomic write
            b->thresholds[r] = w->rows[r].found.threshold;
        }
    }
}

/* Every score of a zero query is 0, so that the first k entries are the best. */
static bool
is_zero(const float *q, int64_t D)
{
    for (int64_t d = 0; d < D; d++)
        if (q[d] != 0)
            return false;
    return true;
}

static void
begin_rows(const block *b, worker *w, int64_t capacity)
{
    for (int64_t r = 0; r < b->rows; r++) {
        ac_candidates_reset(&w->rows[r].found, w->items + r * capacity, capacity, b->k);
        w->rows[r].limit = is_zero(b->queries[r].q, b->index->D) ? INFINITY : -INFINITY;
    }
}

/* Join what the threads found for one query, and score it. */
static int64_t
finish_row(const block *b, worker *workers, int threads, int64_t r, int64_t *ids, float *scores)
{
    const ac_candidate_source source = source_of(b, r);
    ac_candidates *all = &workers[0].rows[r].found;
    int64_t scored = 0;

    if (is_zero(source.query, source.D)) {
        for (int64_t j = 0; j < b->k; j++) {
            ids[j] = j < b->index->n ? b->index->first + j : -1;
            scores[j] = j < b->index->n ? 0 : -INFINITY;
        }
        return 0;
    }
    for (int t = 1; t < threads; t++) {
        const ac_candidates *other = &workers[t].rows[r].found;
        for (int64_t i = 0; i < other->count; i++)
            ac_candidates_push(all, &source, other->items[i].lower, other->items[i].upper, other->items[i].at);
        scored += other->scored;
    }
    ac_candidates_prune(all);
    ac_candidates_settle(all, &source);
    for (int64_t j = 0; j < b->k; j++) {
        ids[j] = j < all->count ? b->index->first + all->items[j].at : -1;
        scores[j] = j < all->count ? (float) all->items[j].lower : -INFINITY;
    }
    return scored + all->scored;
}

/* ids, scores [rows, k]. */
static int64_t
search_block(const block *b, worker *workers, int threads, int64_t capacity, int64_t *ids, float *scores)
{
    const int64_t groups = (b->index->n + AC_SCAN_GROUP - 1) / AC_SCAN_GROUP;
    const int64_t share = groups / ((int64_t) threads * 4) + 1, step = share < CHUNK_GROUPS ? share : CHUNK_GROUPS;
    const selection use = choose_selection();
    int64_t scored = 0;

    for (int64_t r = 0; r < b->rows; r++)
        b->thresholds[r] = -INFINITY;
#pragma omp parallel num_threads(threads)
    {
        worker *w = &workers[omp_get_thread_num()];
#pragma omp for schedule(static)
        for (int t = 0; t < threads; t++) /* all, also those that get no thread: finish_row reads them */
            begin_rows(b, &workers[t], capacity);
#pragma omp for schedule(dynamic, 1)
        for (int64_t from = 0; from < groups; from += step) {
            for (int64_t g = from; g < groups && g < from + step; g++)
                scan_group(b, &use, w, g);
            share_thresholds(b, w);
        }
#pragma omp for schedule(dynamic, 8) reduction(+ : scored)
        for (int64_t r = 0; r < b->rows; r++)
            scored += finish_row(b, workers, threads, r, ids + r * b->k, scores + r * b->k);
    }
    return scored;
}

/* Queries of a block, and the numbers of bytes that follow from it. */
typedef struct sizes {
    int threads;
    int64_t rows, capacity, width;
} sizes;

static sizes
sizes_of(const ac_topk_index *x, int64_t nq, int64_t k)
{
    sizes s = { .threads = omp_get_max_threads(), .capacity = ac_candidates_capacity(k) };
    int64_t by_candidates = CANDIDATE_BYTES / (s.capacity * (int64_t) sizeof(ac_candidate));

    s.width = x->kernel->query_max ? ac_scan_padded(x->D) : x->D;
    s.rows = PANEL_BYTES / (s.width * x->kernel->query_bytes);
    s.rows = s.rows > by_candidates ? by_candidates : s.rows;
    s.rows -= s.rows % AC_SCAN_ROWS;
    s.rows = s.rows < AC_SCAN_ROWS ? AC_SCAN_ROWS : s.rows;
    s.rows = s.rows > nq ? nq : s.rows;
    return s;
}

static void
workers_free(worker *workers, int threads)
{
    for (int t = 0; workers && t < threads; t++) {
        free(workers[t].rows);
        free(workers[t].items);
        free(workers[t].tile);
        free(workers[t].scanned);
    }
    free(workers);
}

static ac_status
workers_init(worker **out, const ac_scan_kernel *kernel, const sizes *s)
{
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(out, s->threads, sizeof **out));
    for (int t = 0; t < s->threads; t++) {
        worker *w = *out + t;
        AC_TRY(ac_alloc(&w->rows, s->rows, sizeof *w->rows));
        AC_TRY(ac_alloc_aligned(&w->items, s->rows * s->capacity, sizeof *w->items));
        AC_TRY(ac_alloc_aligned(&w->tile, AC_SCAN_GROUP * s->width, (size_t) kernel->tile_bytes));
        AC_TRY(ac_alloc_aligned(&w->scanned, AC_SCAN_ROWS * AC_SCAN_GROUP, sizeof *w->scanned));
    }
out:
    return st;
}

ac_status
ac_topk_search(const ac_topk_index *self, const float *queries, int64_t nq, int64_t k, int64_t *ids, float *scores, int64_t *scored)
{
    const ac_scan_kernel *kernel = self->kernel;
    const sizes s = sizes_of(self, nq, k);
    ac_scan_query *prepared = NULL;
    int16_t *integers = NULL;
    unsigned char *panels = NULL;
    double *thresholds = NULL;
    worker *workers = NULL;
    int64_t total = 0;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&prepared, s.rows, sizeof *prepared));
    AC_TRY(ac_alloc(&thresholds, s.rows, sizeof *thresholds));
    AC_TRY(ac_alloc_aligned(&panels, s.rows * s.width, (size_t) kernel->query_bytes));
    if (kernel->query_max)
        AC_TRY(ac_alloc_aligned(&integers, s.rows * s.width, sizeof *integers));
    AC_TRY(workers_init(&workers, kernel, &s));
    for (int64_t from = 0; from < nq; from += s.rows) {
        const int64_t rows = nq - from < s.rows ? nq - from : s.rows;
        const block b = { self, prepared, panels, thresholds, rows, k, rows <= kernel->direct_rows };
        for (int64_t r = 0; r < rows; r++)
            ac_scan_query_init(&prepared[r], kernel, queries + (from + r) * self->D, integers ? integers + r * s.width : NULL, self->centre,
                               self->centre_norm, self->D);
        for (int64_t r = 0; r < rows; r += AC_SCAN_ROWS)
            kernel->panel(panels + r * s.width * kernel->query_bytes, prepared + r,
                          rows - r < AC_SCAN_ROWS ? (int) (rows - r) : AC_SCAN_ROWS, self->D);
        total += search_block(&b, workers, s.threads, s.capacity, ids + from * k, scores + from * k);
    }
    if (scored)
        *scored = total;
out:
    free(prepared);
    free(integers);
    free(panels);
    free(thresholds);
    workers_free(workers, s.threads);
    return st;
}
