/*
 * The rows of a call are queries, rounded as a search rounds them; the threads share the groups
 * of entries from the first row on. Which groups meet which queries is all that "a < b" means:
 * only the groups that hold rows of the call themselves are looked at twice as often as needed.
 */
#include "engine/retrieval/pairs.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/retrieval/exact.h"
#include "engine/retrieval/scan_amx.h"
#include "engine/retrieval/scan_select.h"

enum {
    CHUNK_GROUPS = 32, /* that a thread takes at a time */
    BATCH = 32         /* entries whose scores are computed together */
};

/* One thread's memory. */
typedef struct worker {
    ac_pair_list found;
    unsigned char *tile; /* an expanded group */
    int32_t *sums;       /* [32, 32], or [6, 16] */
    ac_status status;
    char message[200];
} worker;

typedef struct ac_pairs_scratch {
    bool amx;
    int threads;
    int64_t width;          /* of a panel's row */
    ac_scan_query *queries; /* [AC_PAIRS_ROWS] */
    float *limits;          /* [AC_PAIRS_ROWS] */
    int16_t *integers;
    unsigned char *panels;
    worker *workers; /* [threads] */
} scratch;

/* A call at work. */
typedef struct block {
    const ac_pairs *pairs;
    const scratch *s;
    ac_scan_selection use;
    int64_t first, rows, most;
} block;

void
ac_pair_list_free(ac_pair_list *self)
{
    free(self->items);
    *self = (ac_pair_list){ 0 };
}

void
ac_pairs_free(ac_pairs *self)
{
    scratch *s = self->scratch;

    for (int t = 0; s && s->workers && t < s->threads; t++) {
        ac_pair_list_free(&s->workers[t].found);
        free(s->workers[t].tile);
        free(s->workers[t].sums);
    }
    if (s) {
        free(s->workers);
        free(s->queries);
        free(s->limits);
        free(s->integers);
        free(s->panels);
    }
    free(s);
    ac_topk_index_free(&self->index);
    *self = (ac_pairs){ 0 };
}

static ac_status
init_scratch(scratch *s, const ac_scan_kernel *kernel, int64_t n, int64_t D)
{
    ac_status st = AC_OK;

    s->amx = ac_amx_fits(kernel, n, D);
    s->threads = omp_get_max_threads();
    s->width = ac_scan_padded(D);
    AC_TRY(ac_alloc(&s->queries, AC_PAIRS_ROWS, sizeof *s->queries));
    AC_TRY(ac_alloc(&s->limits, AC_PAIRS_ROWS, sizeof *s->limits));
    AC_TRY(ac_alloc_aligned(&s->integers, AC_PAIRS_ROWS * ac_scan_query_integers(kernel, D),
                            sizeof *s->integers));
    AC_TRY(ac_alloc_aligned(&s->panels, (AC_PAIRS_ROWS + AC_AMX_ROWS) * s->width,
                            (size_t) kernel->query_bytes));
    AC_TRY(ac_alloc(&s->workers, s->threads, sizeof *s->workers));
    for (int t = 0; t < s->threads; t++) {
        AC_TRY(ac_alloc_aligned(&s->workers[t].tile, AC_SCAN_GROUP * s->width,
                                (size_t) kernel->tile_bytes));
        AC_TRY(
            ac_alloc_aligned(&s->workers[t].sums, AC_AMX_ROWS * AC_AMX_ROWS, sizeof(int32_t)));
    }
out:
    return st;
}

ac_status
ac_pairs_init(ac_pairs *self, const float *embeddings, int64_t n, int64_t D, double threshold)
{
    const ac_scan_kernel *kernel = ac_scan_kernel_best(AC_SCAN_INT8);
    ac_status st = AC_OK;

    *self = (ac_pairs){ .threshold = (float) threshold };
    AC_TRY(ac_topk_index_init_kernel(&self->index, embeddings, n, D, 0, kernel));
    AC_TRY(ac_alloc(&self->scratch, 1, sizeof *self->scratch));
    st = init_scratch(self->scratch, kernel, n, D);
out:
    if (st != AC_OK)
        ac_pairs_free(self);
    return st;
}

const char *
ac_pairs_scan(const ac_pairs *self)
{
    return self->scratch->amx ? "int8 amx" : ac_topk_index_scan(&self->index);
}

/* ---- one group, or two ---- */

/* The scores of row a of the call and `n` later rows: those that reach the threshold stay. */
static void
take(const block *b, worker *w, int64_t a, const int64_t *later, int n)
{
    const ac_topk_index *x = &b->pairs->index;
    const float *rows[BATCH] = { NULL };
    float scores[BATCH];

    for (int i = 0; i < n; i++)
        rows[i] = x->embeddings + later[i] * x->D;
    ac_exact_scores(scores, x->embeddings + a * x->D, rows, n, x->D);
    for (int i = 0; i < n && w->status == AC_OK; i++) {
        if (!(scores[i] >= b->pairs->threshold))
            continue;
        if (w->found.count >= b->most)
            w->status = AC_E_LIMIT;
        else
            w->status = ac_grow(&w->found.items, &w->found.capacity, w->found.count + 1,
                                sizeof *w->found.items);
        if (w->status == AC_OK)
            w->found.items[w->found.count++] = (ac_pair){ a, later[i], scores[i] };
    }
}

/* mask: entries from row `at` on that may reach the threshold with query r. */
static void
take_mask(const block *b, worker *w, int64_t r, int64_t at, uint32_t mask)
{
    const int64_t a = b->first + r;
    int64_t later[BATCH];
    int n = 0;

    for (; mask; mask &= mask - 1) {
        const int64_t row = at + __builtin_ctz(mask);
        if (row > a && row < b->pairs->index.n)
            later[n++] = row;
    }
    if (n)
        take(b, w, a, later, n);
}

static const unsigned char *
group_at(const ac_topk_index *x, int64_t g)
{
    return x->packed + g * ac_scan_group_bytes(AC_SCAN_INT8, x->D);
}

static void
scan_group(const block *b, worker *w, int64_t g)
{
    const ac_topk_index *x = &b->pairs->index;
    const ac_scan_kernel *kernel = x->kernel;
    const ac_scan_facts all = ac_scan_facts_of(x),
                        facts = ac_scan_facts_at(&all, g * AC_SCAN_GROUP);
    const int64_t panel_bytes = b->s->width * kernel->query_bytes;
    const void *entries = group_at(x, g);
    float *scanned = (float *) (void *) w->sums;

    if (kernel->expand) {
        kernel->expand(w->tile, entries, x->D, AC_SCAN_GROUP);
        entries = w->tile;
    }
    for (int64_t from = 0; from < b->rows; from += AC_SCAN_ROWS) {
        const int rows = b->rows - from < AC_SCAN_ROWS ? (int) (b->rows - from) : AC_SCAN_ROWS;
        kernel->tile(scanned, entries, b->s->panels + from * panel_bytes, facts.sums, x->D,
                     rows);
        for (int r = 0; r < rows; r++) {
            const ac_scan_rounded *q = &b->s->queries[from + r].fine;
            float *scores = scanned + r * AC_SCAN_GROUP;
            b->use.scale(scores, facts.scales, q->scale);
            take_mask(b, w, from + r, g * AC_SCAN_GROUP,
                      b->use.select(scores, facts.errors, facts.norms, q->spread, q->slack,
                                    b->s->limits[from + r]));
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

    (void) sums;
    take_mask(c->block, c->worker, r, first, mask);
}

/* Groups [from, to). */
static void
scan_amx(const block *b, worker *w, int64_t from, int64_t to)
{
    amx_context context = { b, w };
    const ac_amx_scan scan = { .index = &b->pairs->index,
                               .queries = b->s->queries,
                               .panels = (const int8_t *) b->s->panels,
                               .limits = b->s->limits,
                               .rows = b->rows,
                               .context = &context,
                               .take = take_amx };

    ac_amx_scan_groups(&scan, from, to, w->sums);
}

/* ---- a call ---- */

static void
prepare(const ac_pairs *self, int64_t first, int64_t rows)
{
    const ac_topk_index *x = &self->index;
    scratch *s = self->scratch;
    const int64_t each = ac_scan_query_integers(x->kernel, x->D);
    /* what lies above this may be rounded up to the threshold */
    const double least = (double) nextafterf(self->threshold, -INFINITY);

#pragma omp parallel for schedule(static)
    for (int64_t r = 0; r < rows; r++) {
        ac_scan_query_init(&s->queries[r], x->kernel, x->embeddings + (first + r) * x->D,
                           s->integers + r * each, x->centre, x->centre_norm, x->D);
        s->limits[r] = ac_scan_limit(least, &s->queries[r]);
    }
    if (s->amx)
        ac_amx_panels((int8_t *) s->panels, s->queries, rows, x->D);
    for (int64_t r = 0; !s->amx && r < rows; r += AC_SCAN_ROWS)
        x->kernel->panel(s->panels + r * s->width * x->kernel->query_bytes, s->queries + r,
                         rows - r < AC_SCAN_ROWS ? (int) (rows - r) : AC_SCAN_ROWS, x->D);
}

static int
compare(const void *left, const void *right)
{
    const ac_pair *p = left, *q = right;

    if (p->a != q->a)
        return p->a < q->a ? -1 : 1;
    return (p->b > q->b) - (p->b < q->b);
}

/* What the threads found, in order, behind what out has. */
static ac_status
join(const scratch *s, int64_t most, ac_pair_list *out)
{
    const int64_t before = out->count;
    int64_t count = before;
    ac_status st = AC_OK;

    for (int t = 0; t < s->threads && st == AC_OK; t++) {
        st = s->workers[t].status;
        count += s->workers[t].found.count;
    }
    if (st == AC_E_NOMEM)
        return ac_error_set(AC_E_NOMEM, "out of memory for pairs");
    if (st != AC_OK || count > most)
        return ac_error_set(AC_E_LIMIT, "more than %lld pairs", (long long) most);
    AC_TRY(ac_grow(&out->items, &out->capacity, count, sizeof *out->items));
    for (int t = 0; t < s->threads; t++) {
        const ac_pair_list *found = &s->workers[t].found;
        if (found->count)
            memcpy(out->items + out->count, found->items,
                   (size_t) found->count * sizeof *found->items);
        out->count += found->count;
    }
    if (count > before)
        qsort(out->items + before, (size_t) (count - before), sizeof *out->items, compare);
out:
    return st;
}

ac_status
ac_pairs_find(ac_pairs *self, int64_t first, int64_t rows, int64_t most, ac_pair_list *out)
{
    const ac_topk_index *x = &self->index;
    const int64_t groups = (x->n + AC_SCAN_GROUP - 1) / AC_SCAN_GROUP;
    const block b = { self, self->scratch, ac_scan_selection_best(), first, rows, most };

    AC_CHECK(rows <= AC_PAIRS_ROWS);
    prepare(self, first, rows);
    for (int t = 0; t < b.s->threads; t++) {
        b.s->workers[t].found.count = 0;
        b.s->workers[t].status = AC_OK;
    }
#pragma omp parallel for schedule(dynamic, 1) num_threads(b.s->threads)
    for (int64_t from = first / AC_SCAN_GROUP; from < groups; from += CHUNK_GROUPS) {
        const int64_t to = groups - from < CHUNK_GROUPS ? groups : from + CHUNK_GROUPS;
        worker *w = &b.s->workers[omp_get_thread_num()];
        if (w->status != AC_OK)
            continue;
        if (b.s->amx)
            scan_amx(&b, w, from, to);
        for (int64_t g = from; !b.s->amx && g < to; g++)
            scan_group(&b, w, g);
    }
    return join(b.s, most, out);
}
