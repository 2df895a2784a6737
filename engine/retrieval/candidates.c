#include "engine/retrieval/candidates.h"

#include <math.h>
#include <stdlib.h>

#include "engine/base/status.h"
#include "engine/retrieval/exact.h"
#include "engine/retrieval/narrow.h"

enum { BATCH = 64 };

int64_t
ac_candidates_capacity(int64_t k)
{
    return 4 * k > 128 ? 4 * k : 128;
}

void
ac_candidates_reset(ac_candidates *self, ac_topk_candidate *items, int64_t capacity, int64_t k)
{
    AC_CHECK(capacity >= 2 * k);
    *self =
        (ac_candidates){ .items = items, .capacity = capacity, .k = k, .threshold = -INFINITY };
}

static void
swap(ac_topk_candidate *a, ac_topk_candidate *b)
{
    const ac_topk_candidate t = *a;

    *a = *b;
    *b = t;
}

/* The `rank`-th largest lower bound, from 0: items are put in order around it (quickselect, the
 * middle of three as pivot). */
static double
select_lower(ac_topk_candidate *items, int64_t count, int64_t rank)
{
    int64_t left = 0, right = count - 1;

    while (left < right) {
        const double a = items[left].lower, b = items[left + (right - left) / 2].lower,
                     c = items[right].lower;
        const double pivot = a < b ? (b < c ? b : a < c ? c : a) : (a < c ? a : b < c ? c : b);
        int64_t i = left, j = right;
        while (i <= j) {
            while (items[i].lower > pivot)
                i++;
            while (items[j].lower < pivot)
                j--;
            if (i <= j)
                swap(&items[i++], &items[j--]);
        }
        if (rank <= j)
            right = j;
        else if (rank >= i)
            left = i;
        else
            break;
    }
    return items[rank].lower;
}

void
ac_candidates_prune(ac_candidates *self)
{
    int64_t kept = 0;

    if (self->count >= self->k) {
        const double lower = select_lower(self->items, self->count, self->k - 1);
        self->threshold = lower > self->threshold ? lower : self->threshold;
    }
    for (int64_t i = 0; i < self->count; i++)
        if (self->items[i].upper >= self->threshold)
            self->items[kept++] = self->items[i];
    self->count = kept;
}

/* Single precision's bounds for those of the first `count` that have the scan's. */
static void
narrow(ac_candidates *self, const ac_candidate_source *source, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        ac_topk_candidate *item = &self->items[i];
        const int64_t ahead = i + 2 < count ? i + 2 : i;
        if (item->narrowed || item->lower == item->upper)
            continue;
        item->narrowed = true;
        (void) ac_narrow(&item->lower, &item->upper, source->query,
                         source->embeddings + item->at * source->D,
                         source->embeddings + self->items[ahead].at * source->D, source->D);
    }
}

/* Prune, with a threshold from narrow bounds: those of the k that have the largest lower
 * bounds, which pruning puts first. */
static void
prune_narrowly(ac_candidates *self, const ac_candidate_source *source)
{
    ac_candidates_prune(self);
    narrow(self, source, self->count < self->k ? self->count : self->k);
    ac_candidates_prune(self);
}

static int
compare(const void *left, const void *right)
{
    const ac_topk_candidate *a = left, *b = right;

    if (a->lower != b->lower)
        return a->lower > b->lower ? -1 : 1;
    return a->at < b->at ? -1 : a->at > b->at;
}

void
ac_candidates_settle(ac_candidates *self, const ac_candidate_source *source)
{
    prune_narrowly(self, source);
    narrow(self, source, self->count);
    ac_candidates_prune(self);
    for (int64_t i = 0; i < self->count;) {
        const float *rows[BATCH];
        ac_topk_candidate *open[BATCH];
        float scores[BATCH];
        int64_t n = 0;
        for (; i < self->count && n < BATCH; i++) {
            if (self->items[i].lower == self->items[i].upper)
                continue;
            rows[n] = source->embeddings + self->items[i].at * source->D;
            open[n++] = &self->items[i];
        }
        ac_exact_scores(scores, source->query, rows, n, source->D);
        self->scored += n;
        for (int64_t j = 0; j < n; j++)
            open[j]->lower = open[j]->upper = (double) scores[j];
    }
    qsort(self->items, (size_t) self->count, sizeof *self->items, compare);
    if (self->count >= self->k) {
        self->count = self->k;
        self->threshold = self->items[self->k - 1].lower;
    }
}

void
ac_candidates_add(ac_candidates *self, const ac_candidate_source *source,
                  const ac_topk_candidate *item)
{
    if (self->count == self->capacity) {
        prune_narrowly(self, source);
        if (self->count > self->capacity / 2)
            ac_candidates_settle(self, source);
    }
    self->items[self->count++] = *item;
}

void
ac_candidates_push(ac_candidates *self, const ac_candidate_source *source, double lower,
                   double upper, int64_t at)
{
    const ac_topk_candidate item = { .lower = lower >= -INFINITY ? lower : -INFINITY,
                                     .upper = upper <= INFINITY ? upper : INFINITY,
                                     .at = at };

    ac_candidates_add(self, source, &item);
}
