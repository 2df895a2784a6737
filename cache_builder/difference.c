#include "cache_builder/difference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

/* One of the two caches. */
typedef struct side {
    ac_texts entries;
    float *embeddings; /* [count, D]; NULL: not compared */
    int64_t *order;    /* [count]: ids by text, then by id */
} side;

static void
side_free(side *self)
{
    ac_texts_free(&self->entries);
    free(self->embeddings);
    free(self->order);
}

static int
compare_texts(const ac_texts *a, int64_t i, const ac_texts *b, int64_t j)
{
    const size_t n = ac_texts_size(a, i), m = ac_texts_size(b, j);
    const int d = memcmp(ac_texts_at(a, i), ac_texts_at(b, j), n < m ? n : m);

    return d ? d : (n > m) - (n < m);
}

static int
compare_ids(const void *x, const void *y, void *context)
{
    const int64_t i = *(const int64_t *) x, j = *(const int64_t *) y;
    const int d = compare_texts(context, i, context, j);

    return d ? d : (i > j) - (i < j);
}

static ac_status
side_init(side *self, const ac_cache *cache, bool vectors)
{
    ac_status st = AC_OK;

    if (vectors)
        AC_TRY(ac_alloc_aligned(&self->embeddings, cache->entries * cache->dimension,
                                sizeof *self->embeddings));
    AC_TRY(ac_cache_read_slice(cache, 0, cache->entries, self->embeddings, &self->entries));
    AC_TRY(ac_alloc(&self->order, cache->entries, sizeof *self->order));
    for (int64_t i = 0; i < cache->entries; i++)
        self->order[i] = i;
    if (cache->entries)
        qsort_r(self->order, (size_t) cache->entries, sizeof *self->order, compare_ids,
                &self->entries);
out:
    return st;
}

static double
largest_difference(const float *x, const float *y, int64_t D)
{
    double most = 0;

    for (int64_t d = 0; d < D; d++) {
        const double e = fabs((double) x[d] - (double) y[d]);
        most = e > most ? e : most;
    }
    return most;
}

ac_status
ac_cache_compare(const ac_cache *a, const ac_cache *b, double tolerance,
                 ac_cache_change_visit visit, void *context, ac_cache_difference *out)
{
    const bool vectors = a->dimension == b->dimension;
    const int64_t D = a->dimension;
    side x = { 0 }, y = { 0 };
    int64_t i = 0, j = 0;
    ac_status st = AC_OK;

    *out = (ac_cache_difference){ 0 };
    AC_TRY(side_init(&x, a, vectors));
    AC_TRY(side_init(&y, b, vectors));
    while (i < x.entries.count || j < y.entries.count) {
        const int d = i == x.entries.count ? 1
                      : j == y.entries.count
                          ? -1
                          : compare_texts(&x.entries, x.order[i], &y.entries, y.order[j]);
        const int64_t ids[] = { d <= 0 ? x.order[i++] : -1, d >= 0 ? y.order[j++] : -1 };
        const side *of = d <= 0 ? &x : &y;
        const ac_cache_change change = d < 0   ? AC_CACHE_REMOVED
                                       : d > 0 ? AC_CACHE_ADDED
                                               : AC_CACHE_CHANGED;
        double difference = 0;
        if (d == 0 && vectors)
            difference =
                largest_difference(x.embeddings + ids[0] * D, y.embeddings + ids[1] * D, D);
        out->moved += d == 0 && ids[0] != ids[1];
        out->same += d == 0 && difference <= tolerance;
        if (d == 0 && difference <= tolerance)
            continue;
        out->counts[change]++;
        AC_TRY(visit(context, change, ac_texts_at(&of->entries, ids[d > 0]),
                     ac_texts_size(&of->entries, ids[d > 0]), ids, difference));
    }
out:
    side_free(&x);
    side_free(&y);
    return st;
}
