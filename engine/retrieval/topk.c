/*
 * The search. Queries in blocks whose panels fit a core's L2 cache; entries in chunks
 * that the threads share out. For each group of 16 entries (expanded once) and each panel of 6
 * queries a kernel gives 96 approximate scores, which are looked at at once: those that can
 * still matter become candidates, the others are never written anywhere. Where the kernel has a
 * coarse stage, it decides for which queries a group is scanned at full width.
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
#include "engine/retrieval/scan_amx.h"
#include "engine/retrieval/scan_select.h"
#include "engine/retrieval/topk_block.h"

enum {
    PANEL_BYTES = 288 << 10,    /* of a block of queries */
    CANDIDATE_BYTES = 32 << 20, /* of a thread, where k allows */
    CHUNK_GROUPS = 64,          /* groups a thread takes at a time */
    COARSE_SHARE = 20, /* the coarse stage pays while it rules out all but one in so many */
    COARSE_REST = 4,   /* chunks without it before it is tried again */
    AMX_LEAST = 4,     /* queries that fill enough of a tile */
    FETCH = 2,         /* groups ahead, whose facts are fetched */
    CACHE_LINE = 64
};

typedef ac_topk_block block;
typedef ac_topk_worker worker;
typedef ac_topk_coarse_state coarse_state;
typedef ac_topk_waiting_entry waiting_entry;

static ac_candidate_source
source_of(const block *b, int64_t r)
{
    return (ac_candidate_source){ b->queries[r].q, b->index->embeddings, b->index->D };
}

static void
push(const block *b, worker *w, int64_t r, int64_t at, float scanned)
{
    const ac_scan_query *q = &b->queries[r];
    const ac_candidate_source source = source_of(b, r);
    ac_candidates *found = &w->found[r];
    const double before = found->threshold, centre = q->base + (double) scanned;
    const double spread = (double) q->fine.spread * (double) b->index->errors[at] +
                          (double) q->fine.slack * (double) b->index->norms[at];
    const double radius =
        spread + q->constant +
        AC_SCAN_DOUBLE_CUSHION * (spread + fabs(q->base) + fabs((double) scanned));

    ac_candidates_push(found, &source, centre - radius, centre + radius, at);
    if (found->threshold > before)
        w->limits[r] = ac_scan_limit(found->threshold, q);
}

/* A group of 16 entries at hand. */
typedef struct group {
    const void *packed; /* or the caller's rows */
    ac_scan_facts facts;
    int64_t first, count;
} group;

static group
group_at(const ac_topk_index *x, int64_t g)
{
    const ac_scan_facts all = ac_scan_facts_of(x);
    const int64_t first = g * AC_SCAN_GROUP;
    group self = { .first = first,
                   .count = x->n - first < AC_SCAN_GROUP ? x->n - first : AC_SCAN_GROUP };

    self.facts = ac_scan_facts_at(&all, first);
    self.packed = x->kernel->scan == AC_SCAN_FP32
                      ? (const void *) (x->embeddings + first * x->D)
                      : x->packed + g * ac_scan_group_bytes(x->kernel->scan, x->D);
    return self;
}

/* The scanned scores of one query and a group: what can matter becomes a candidate. */
static void
take_candidates(const block *b, const ac_scan_selection *use, worker *w, const group *g,
                int64_t r, float *scanned)
{
    const ac_scan_rounded *q = &b->queries[r].fine;
    unsigned mask;

    if (b->index->kernel->query_max)
        use->scale(scanned, g->facts.scales, q->scale);
    mask = use->select(scanned, g->facts.errors, g->facts.norms, q->spread, q->slack,
                       w->limits[r]);
    for (; mask; mask &= mask - 1) {
        const int j = __builtin_ctz(mask);
        if (j < g->count)
            push(b, w, r, g->first + j, scanned[j]);
    }
}

/* Entries first + j that may be among the best, and the dot products of their integers. */
static void
take_sums(const block *b, worker *w, int64_t r, int64_t first, uint32_t mask,
          const int32_t *sums)
{
    for (; mask; mask &= mask - 1) {
        const int j = __builtin_ctz(mask);
        if (first + j >= b->index->n)
            break;
        push(b, w, r, first + j,
             (float) sums[j] * b->index->scales[first + j] * b->queries[r].fine.scale);
    }
}

/* The waiting entries in 8 bits. */
static void
refine_waiting(const block *b, worker *w)
{
    const ac_topk_index *x = b->index;
    const int64_t stride = ac_scan_panel_width(x->kernel, x->D) * x->kernel->query_bytes;

    for (int i = 0; i < w->waits; i++) {
        const waiting_entry *e = &w->waiting[i];
        const ac_scan_rounded *q = &b->queries[e->r].fine;
        const int32_t sum = x->kernel->refine(e->upper, x->low + e->at * x->low_bytes,
                                              b->panels + e->r * stride, x->D);
        const float scanned = (float) sum * x->scales[e->at] * q->scale;
        if (!(scanned + (q->spread * x->errors[e->at] + q->slack * x->norms[e->at]) <
              w->limits[e->r]))
            push(b, w, e->r, e->at, scanned);
    }
    w->waits = 0;
}

/* Entries first + j, which wait for their lower bits. */
static void
wait_for_low(const block *b, worker *w, int64_t r, int64_t first, uint32_t mask,
             const int32_t *out)
{
    const ac_topk_index *x = b->index;

    for (; mask; mask &= mask - 1) {
        const int j = __builtin_ctz(mask);
        const unsigned char *low = x->low + (first + j) * x->low_bytes;
        if (first + j >= x->n)
            break;
        for (int64_t i = 0; i < x->low_bytes; i += CACHE_LINE)
            __builtin_prefetch(low + i);
        __builtin_prefetch(x->errors + first + j);
        __builtin_prefetch(x->norms + first + j);
        w->waiting[w->waits++] = (waiting_entry){ r, first + j, out[j] };
        if (w->waits == AC_TOPK_WAITING)
            refine_waiting(b, w);
    }
}

/* What the masks of these queries and a group have kept. */
static void
take_masks(const block *b, worker *w, int64_t from, int64_t first, const uint32_t *masks,
           int rows, const int32_t *out)
{
    for (int r = 0; r < rows; r++)
        if (masks[r])
            (b->index->kernel->refine ? wait_for_low : take_sums)(
                b, w, from + r, first, masks[r], out + r * AC_SCAN_GROUP);
}

/* A group whose kernel selects by itself. */
static void
scan_selecting(const block *b, worker *w, const group *g)
{
    const ac_topk_index *x = b->index;
    const ac_scan_kernel *kernel = x->kernel;
    const int64_t panel_bytes = ac_scan_panel_width(kernel, x->D) * kernel->query_bytes;
    uint32_t masks[AC_SCAN_ROWS];

    for (int64_t from = 0; from < b->rows; from += AC_SCAN_ROWS) {
        const int rows = b->rows - from < AC_SCAN_ROWS ? (int) (b->rows - from) : AC_SCAN_ROWS;
        kernel->tile(w->sums, g->packed, b->panels + from * panel_bytes, g->facts.sums, x->D,
                     rows);
        kernel->select(masks, w->sums, &g->facts, b->queries + from, w->limits + from, rows);
        take_masks(b, w, from, g->first, masks, rows, w->sums);
    }
}

static void
scan_fine(const block *b, const ac_scan_selection *use, worker *w, const group *g)
{
    const ac_scan_kernel *kernel = b->index->kernel;
    const int64_t D = b->index->D,
                  panel_bytes = ac_scan_panel_width(kernel, D) * kernel->query_bytes;

    if (!b->direct && kernel->expand)
        kernel->expand(w->tile, g->packed, D, g->count);
    for (int64_t from = 0; from < b->rows; from += AC_SCAN_ROWS) {
        const int rows = b->rows - from < AC_SCAN_ROWS ? (int) (b->rows - from) : AC_SCAN_ROWS;
        const void *panel = b->panels + from * panel_bytes;
        if (b->direct)
            kernel->tile_direct(w->scanned, g->packed, panel, D, rows, g->count);
        else
            kernel->tile(w->scanned, kernel->expand ? w->tile : g->packed, panel, g->facts.sums,
                         D, rows);
        for (int r = 0; r < rows; r++)
            take_candidates(b, use, w, g, from + r, w->scanned + r * AC_SCAN_GROUP);
    }
}

/* Entries that the coarse stage could not rule out for a query: at full width. */
static void
refine(const block *b, worker *w, const group *g, int64_t r, uint32_t mask)
{
    const ac_scan_rounded *q = &b->queries[r].fine;

    for (; mask; mask &= mask - 1) {
        const int j = __builtin_ctz(mask);
        float scanned;
        if (j >= g->count)
            break;
        w->coarse.kept++;
        scanned = (float) b->coarse->fine_one(g->packed, q->integers, b->index->D, j) *
                  g->facts.scales[j] * q->scale;
        if (!(scanned + (q->spread * g->facts.errors[j] + q->slack * g->facts.norms[j]) <
              w->limits[r]))
            push(b, w, r, g->first + j, scanned);
    }
}

static void
scan_coarse(const block *b, worker *w, const group *g)
{
    const int64_t D = b->index->D;
    int32_t out[AC_SCAN_ROWS * AC_SCAN_GROUP];
    uint32_t masks[AC_SCAN_ROWS];

    b->coarse->expand(w->tile, g->packed, D);
    for (int64_t from = 0; from < b->rows; from += AC_SCAN_ROWS) {
        const int rows = b->rows - from < AC_SCAN_ROWS ? (int) (b->rows - from) : AC_SCAN_ROWS;
        b->coarse->tile(out, w->tile, b->coarse_panels + from * ac_scan_coarse_padded(D), D,
                        rows);
        b->coarse->select(masks, out, &g->facts, b->queries + from, w->limits + from, rows);
        for (int r = 0; r < rows; r++) {
            if (masks[r])
                refine(b, w, g, from + r, masks[r]);
        }
    }
    w->coarse.looked_at += b->rows * AC_SCAN_GROUP;
}

/* What a scan for few queries reads beside the packed groups: three more streams, of a line per
 * group, which otherwise are waited for each time. */
static void
fetch_facts(const ac_topk_index *x, int64_t g)
{
    const int64_t first = (g + FETCH) * AC_SCAN_GROUP;

    if (!x->low || first >= x->n)
        return;
    __builtin_prefetch(x->scales + first);
    __builtin_prefetch(x->coarse_errors + first);
    __builtin_prefetch(x->coarse_norms + first);
}

/* Two groups. */
static void
scan_two(const block *b, worker *w, int64_t first, int64_t second)
{
    const ac_topk_index *x = b->index;
    const ac_scan_kernel *kernel = x->kernel;
    const int64_t panel_bytes = ac_scan_panel_width(kernel, x->D) * kernel->query_bytes;
    const group g[2] = { group_at(x, first), group_at(x, second) };
    const void *const packed[2] = { g[0].packed, g[1].packed };
    const int32_t *const sums[2] = { g[0].facts.sums, g[1].facts.sums };
    uint32_t masks[AC_SCAN_ROWS];

    fetch_facts(x, first);
    fetch_facts(x, second);
    for (int64_t from = 0; from < b->rows; from += AC_SCAN_ROWS) {
        const int rows = b->rows - from < AC_SCAN_ROWS ? (int) (b->rows - from) : AC_SCAN_ROWS;
        kernel->tile_two(w->sums, packed, b->panels + from * panel_bytes, sums, x->D, rows);
        for (int h = 0; h < 2; h++) {
            const int32_t *out = w->sums + h * AC_SCAN_ROWS * AC_SCAN_GROUP;
            kernel->select(masks, out, &g[h].facts, b->queries + from, w->limits + from, rows);
            take_masks(b, w, from, g[h].first, masks, rows, out);
        }
    }
}

typedef struct amx_context {
    const block *block;
    worker *worker;
} amx_context;

static void
take_amx(void *context, int64_t r, int64_t first, uint32_t mask, const int32_t *sums)
{
    const amx_context *c = context;

    take_sums(c->block, c->worker, r, first, mask, sums);
}

static void
scan_amx(const block *b, worker *w, int64_t from, int64_t to)
{
    amx_context context = { b, w };
    const ac_amx_scan scan = { .index = b->index,
                               .queries = b->queries,
                               .panels = b->amx_panels,
                               .limits = w->limits,
                               .rows = b->rows,
                               .context = &context,
                               .take = take_amx };

    ac_amx_scan_groups(&scan, from, to, w->sums);
}

/* Groups [from, to). Two that are scanned together lie half the chunk apart: memory gives two
 * streams faster than one. */
static void
scan_chunk(const block *b, const ac_scan_selection *use, worker *w, int64_t from, int64_t to)
{
    coarse_state *coarse = &w->coarse;
    const int64_t half = b->two ? (to - from) / 2 : 0;

    if (b->amx_panels) {
        scan_amx(b, w, from, to);
        return;
    }
    coarse->looked_at = coarse->kept = 0;
    for (int64_t i = from; i < from + half; i++)
        scan_two(b, w, i, i + half);
    for (int64_t i = from + 2 * half; i < to; i++) {
        const group g = group_at(b->index, i);
        if (b->index->kernel->select) {
            scan_selecting(b, w, &g);
            continue;
        }
        if (!b->coarse || coarse->rest > 0) {
            scan_fine(b, use, w, &g);
            continue;
        }
        scan_coarse(b, w, &g);
        if (coarse->kept * COARSE_SHARE > coarse->looked_at)
            coarse->rest = COARSE_REST;
    }
    coarse->rest -= coarse->rest > 0;
    refine_waiting(b, w);
}

/* Learn the other threads' thresholds, and tell ours. A larger value lost between reading and
 * writing only costs time. */
static void
share_thresholds(const block *b, worker *w)
{
    for (int64_t r = 0; r < b->rows; r++) {
        double shared;
#pragma omp atomic read
        shared = b->thresholds[r];
        if (shared > w->found[r].threshold) {
            w->found[r].threshold = shared;
            w->limits[r] = ac_scan_limit(shared, &b->queries[r]);
        } else if (shared < w->found[r].threshold) {
#pragma omp atomic write
            b->thresholds[r] = w->found[r].threshold;
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
begin_block(const block *b, worker *w, int64_t capacity)
{
    w->coarse = (coarse_state){ .rest = 1 }; /* the first chunk makes thresholds */
    for (int64_t r = 0; r < b->rows; r++) {
        ac_candidates_reset(&w->found[r], w->items + r * capacity, capacity, b->k);
        w->limits[r] = is_zero(b->queries[r].q, b->index->D) ? INFINITY : -INFINITY;
    }
}

/* Join what the threads found for one query, and score it. ids, scores [wanted]: past b->k, and
 * past the end, absent. */
static int64_t
finish_row(const block *b, worker *workers, int threads, int64_t r, int64_t wanted,
           int64_t *ids, float *scores)
{
    const ac_candidate_source source = source_of(b, r);
    const bool zero = is_zero(source.query, source.D);
    ac_candidates *all = &workers[0].found[r];
    int64_t scored = 0, count;

    for (int t = 1; t < threads && !zero; t++) {
        const ac_candidates *other = &workers[t].found[r];
        for (int64_t i = 0; i < other->count; i++)
            ac_candidates_add(all, &source, &other->items[i]);
        scored += other->scored;
    }
    if (!zero) {
        ac_candidates_prune(all);
        ac_candidates_settle(all, &source);
    }
    count = zero ? (b->k < b->index->n ? b->k : b->index->n) : all->count;
    for (int64_t j = 0; j < wanted; j++) {
        ids[j] = j >= count ? -1 : b->index->first + (zero ? j : all->items[j].at);
        scores[j] = j >= count ? -INFINITY : zero ? 0 : (float) all->items[j].lower;
    }
    return scored + all->scored;
}

/* ids, scores [rows, wanted]. */
static int64_t
search_block(const block *b, worker *workers, int threads, int64_t capacity, int64_t wanted,
             int64_t *ids, float *scores)
{
    const int64_t groups = (b->index->n + AC_SCAN_GROUP - 1) / AC_SCAN_GROUP;
    const int64_t share = groups / ((int64_t) threads * 4) + 1,
                  step = share < CHUNK_GROUPS ? share : CHUNK_GROUPS;
    const ac_scan_selection use = ac_scan_selection_best();
    int64_t scored = 0;

    for (int64_t r = 0; r < b->rows; r++)
        b->thresholds[r] = -INFINITY;
#pragma omp parallel num_threads(threads)
    {
        worker *w = &workers[omp_get_thread_num()];
#pragma omp for schedule(static)
        for (int t = 0; t < threads;
             t++) /* all, also those that get no thread: finish_row reads them */
            begin_block(b, &workers[t], capacity);
#pragma omp for schedule(dynamic, 1)
        for (int64_t from = 0; from < groups; from += step) {
            scan_chunk(b, &use, w, from, groups - from < step ? groups : from + step);
            share_thresholds(b, w);
        }
#pragma omp for schedule(dynamic, 8) reduction(+ : scored)
        for (int64_t r = 0; r < b->rows; r++)
            scored += finish_row(b, workers, threads, r, wanted, ids + r * wanted,
                                 scores + r * wanted);
    }
    return scored;
}

/* Queries of a block, and the sizes that follow from it. */
typedef struct sizes {
    int threads;
    int64_t k; /* candidates wanted: no more than there are entries */
    int64_t rows, capacity, width;
} sizes;

static sizes
sizes_of(const ac_topk_index *x, int64_t nq, int64_t k)
{
    sizes s = { .threads = omp_get_max_threads(), .k = k < x->n ? k : x->n > 0 ? x->n : 1 };
    int64_t by_candidates;

    s.capacity = ac_candidates_capacity(s.k);
    by_candidates = CANDIDATE_BYTES / (s.capacity * (int64_t) sizeof(ac_topk_candidate));
    s.width = ac_scan_panel_width(x->kernel, x->D);
    s.rows = PANEL_BYTES / (s.width * x->kernel->query_bytes);
    s.rows = s.rows < AC_SCAN_ROWS ? AC_SCAN_ROWS : s.rows - s.rows % AC_SCAN_ROWS;
    s.rows = s.rows < by_candidates ? s.rows : by_candidates > 0 ? by_candidates : 1;
    s.rows = s.rows > nq ? nq : s.rows;
    return s;
}

static void
workers_free(worker *workers, int threads)
{
    for (int t = 0; workers && t < threads; t++) {
        free(workers[t].found);
        free(workers[t].limits);
        free(workers[t].items);
        free(workers[t].tile);
        free(workers[t].scanned);
        free(workers[t].sums);
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
        AC_TRY(ac_alloc(&w->found, s->rows, sizeof *w->found));
        AC_TRY(ac_alloc(&w->limits, s->rows, sizeof *w->limits));
        AC_TRY(ac_alloc_aligned(&w->items, s->rows * s->capacity, sizeof *w->items));
        AC_TRY(
            ac_alloc_aligned(&w->tile, AC_SCAN_GROUP * s->width, (size_t) kernel->tile_bytes));
        AC_TRY(ac_alloc_aligned(&w->scanned, AC_SCAN_ROWS * AC_SCAN_GROUP, sizeof *w->scanned));
        AC_TRY(ac_alloc_aligned(&w->sums, AC_AMX_ROWS * AC_AMX_COLUMNS, sizeof *w->sums));
    }
out:
    return st;
}

ac_status
ac_topk_search(const ac_topk_index *self, const float *queries, int64_t nq, int64_t k,
               int64_t *ids, float *scores, int64_t *scored)
{
    const ac_scan_kernel *kernel = self->kernel;
    const ac_scan_coarse *coarse = ac_scan_coarse_of(kernel, self->D);
    const sizes s = sizes_of(self, nq, k);
    ac_scan_query *prepared = NULL;
    int16_t *integers = NULL;
    unsigned char *panels = NULL, *coarse_panels = NULL;
    int8_t *amx_panels = NULL;
    double *thresholds = NULL;
    worker *workers = NULL;
    int64_t total = 0;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&prepared, s.rows, sizeof *prepared));
    AC_TRY(ac_alloc(&thresholds, s.rows, sizeof *thresholds));
    AC_TRY(ac_alloc_aligned(&panels, s.rows * s.width, (size_t) kernel->query_bytes));
    AC_TRY(ac_alloc_aligned(&integers, s.rows * ac_scan_query_integers(kernel, self->D),
                            sizeof *integers));
    if (coarse)
        AC_TRY(
            ac_alloc_aligned(&coarse_panels, s.rows, (size_t) ac_scan_coarse_padded(self->D)));
    if (s.rows >= AMX_LEAST && ac_amx_fits(kernel, self->n, self->D))
        AC_TRY(ac_alloc_aligned(&amx_panels, 1, (size_t) ac_amx_panels_bytes(s.rows, self->D)));
    AC_TRY(workers_init(&workers, kernel, &s));
    for (int64_t from = 0; from < nq; from += s.rows) {
        const int64_t rows = nq - from < s.rows ? nq - from : s.rows;
        const bool direct = rows <= kernel->direct_rows;
        const block b = { .index = self,
                          .queries = prepared,
                          .coarse = direct ? NULL : coarse,
                          .panels = panels,
                          .coarse_panels = coarse_panels,
                          .amx_panels = amx_panels,
                          .thresholds = thresholds,
                          .rows = rows,
                          .k = s.k,
                          .direct = direct,
                          .two = kernel->tile_two && (rows > 1 || kernel->refine) };
        for (int64_t r = 0; r < rows; r++)
            ac_scan_query_init(&prepared[r], kernel, queries + (from + r) * self->D,
                               integers + r * ac_scan_query_integers(kernel, self->D),
                               self->centre, self->centre_norm, self->D);
        if (amx_panels)
            ac_amx_panels(amx_panels, prepared, rows, self->D);
        for (int64_t r = 0; !amx_panels && r < rows; r += AC_SCAN_ROWS) {
            const int count = rows - r < AC_SCAN_ROWS ? (int) (rows - r) : AC_SCAN_ROWS;
            kernel->panel(panels + r * s.width * kernel->query_bytes, prepared + r, count,
                          self->D);
            if (coarse)
                coarse->panel(coarse_panels + r * ac_scan_coarse_padded(self->D), prepared + r,
                              count, self->D);
        }
        total += search_block(&b, workers, s.threads, s.capacity, k, ids + from * k,
                              scores + from * k);
    }
    if (scored)
        *scored = total;
out:
    free(prepared);
    free(integers);
    free(panels);
    free(coarse_panels);
    free(amx_panels);
    free(thresholds);
    workers_free(workers, s.threads);
    return st;
}
