#include "jobs/search/search.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/comm/topk_merge.h"

enum {
    BLOCK_QUERIES = 1024,
    BLOCK_RESULTS = 1 << 22, /* of all queries of a block */
    LEAST_PACKED = 4096,     /* with fewer rows nothing is worth packing */
    MOST_UNPACKED = 16       /* nor for so many queries that no others follow */
};

static ac_status
agree_all(const ac_search *self, ac_status st)
{
    return self->comm ? ac_agree_all(self->comm, st) : st;
}

static bool
is_first(const ac_search *self)
{
    return !self->comm || self->comm->rank == 0;
}

static void
broadcast_all(const ac_search *self, void *bytes, size_t n)
{
    if (self->comm)
        ac_broadcast_bytes_all(self->comm, bytes, n, 0);
}

void
ac_search_free(ac_search *self)
{
    ac_topk_index_free(&self->index);
    ac_queries_free(&self->queries);
    free(self->ids);
    free(self->merged_ids);
    free(self->scores);
    free(self->merged_scores);
    *self = (ac_search){ 0 };
}

/* Packing takes as long as twenty scans of the rows as they are. */
static ac_scan
choose_scan(int64_t rows, int64_t queries, bool once)
{
    if (rows < LEAST_PACKED || (once && queries > 0 && queries <= MOST_UNPACKED))
        return AC_SCAN_FP32;
    return queries > 0 && queries <= AC_TOPK_FEW ? ac_topk_scan_of_few() : AC_SCAN_INT8;
}

ac_status
ac_search_init_all(ac_search *self, const ac_comm *comm, ac_archive *archive, int64_t k,
                   float least, int64_t queries, bool once)
{
    const int64_t n = archive->n, rank = comm ? comm->rank : 0, size = comm ? comm->size : 1,
                  first = n * rank / size, count = n * (rank + 1) / size - first;
    ac_status st;

    *self = (ac_search){
        .comm = comm, .archive = archive, .wanted = k, .k = k < n ? k + 1 : n, .least = least
    };
    st = ac_archive_load(archive, first, count);
    if (st == AC_OK)
        st = ac_topk_index_init(&self->index, archive->embeddings, count, archive->D, first,
                                choose_scan(count, queries, once), queries);
    return agree_all(self, st);
}

int64_t
ac_search_block(const ac_search *self)
{
    const int64_t rows = BLOCK_RESULTS / self->k;

    return rows < 1 ? 1 : rows < BLOCK_QUERIES ? rows : BLOCK_QUERIES;
}

/* Results of a block [queries, k], on all ranks. */
static ac_status
reserve(ac_search *self, int64_t results)
{
    int64_t room[4] = { self->capacity, self->capacity, self->capacity, self->capacity };
    ac_status st = AC_OK;

    AC_TRY(ac_grow(&self->ids, &room[0], results, sizeof *self->ids));
    AC_TRY(ac_grow(&self->scores, &room[1], results, sizeof *self->scores));
    AC_TRY(ac_grow(&self->merged_ids, &room[2], results, sizeof *self->merged_ids));
    AC_TRY(ac_grow(&self->merged_scores, &room[3], results, sizeof *self->merged_scores));
    self->capacity = room[0]; /* the four grow alike */
out:
    return st;
}

/* The vectors of keys, on all ranks: bits of whoever has the row, zeros of the others, as a
 * sum of integers. rows [count]: -1 where the query is no key. */
static ac_status
fill_keys_all(ac_search *self, const int64_t *rows, int64_t count)
{
    const ac_archive *a = self->archive;
    int64_t *bits = NULL;
    ac_status st = ac_alloc(&bits, a->D, sizeof *bits);

    AC_TRY(agree_all(self, st));
    for (int64_t i = 0; i < count; i++) {
        const int64_t at = rows[i] - a->first;
        float *y = self->queries.vectors + i * a->D;
        if (rows[i] < 0)
            continue;
        memset(bits, 0, (size_t) a->D * sizeof *bits);
        for (int64_t d = 0; at >= 0 && at < a->count && d < a->D; d++) {
            uint32_t b;
            memcpy(&b, &a->embeddings[at * a->D + d], sizeof b);
            bits[d] = b;
        }
        if (self->comm)
            ac_sum_int64_all(self->comm, bits, (int) a->D);
        for (int64_t d = 0; d < a->D; d++) {
            const uint32_t b = (uint32_t) bits[d];
            memcpy(&y[d], &b, sizeof b);
        }
    }
out:
    free(bits);
    return st;
}

static ac_status
search_all(ac_search *self, const int64_t *rows, int64_t count, bool keys)
{
    const int64_t k = self->k;
    ac_status st = AC_OK;

    if (keys)
        AC_TRY(fill_keys_all(self, rows, count));
    st = ac_topk_search(&self->index, self->queries.vectors, count, k, self->ids, self->scores,
                        NULL);
    AC_TRY(agree_all(self, st));
    if (self->comm && self->comm->size > 1)
        return ac_topk_merge_all(self->comm, count, k, self->ids, self->scores,
                                 self->merged_ids, self->merged_scores);
    memcpy(self->merged_ids, self->ids, (size_t) (count * k) * sizeof *self->ids);
    memcpy(self->merged_scores, self->scores, (size_t) (count * k) * sizeof *self->scores);
out:
    return st;
}

ac_status
ac_search_block_all(ac_search *self, ac_status st, bool *more)
{
    const int64_t D = self->archive->D;
    int64_t head[2] = { self->queries.count, 0 }, *rows = NULL; /* how many; some are keys */

    *more = false;
    AC_TRY(agree_all(self, st));
    broadcast_all(self, head, sizeof head);
    if (head[0] == 0)
        goto out;
    AC_TRY(agree_all(self, ac_alloc(&rows, head[0], sizeof *rows)));
    st = reserve(self, head[0] * self->k);
    if (st == AC_OK && !is_first(self))
        st = ac_grow(&self->queries.vectors, &self->queries.vector_capacity, head[0] * D,
                     sizeof(float));
    AC_TRY(agree_all(self, st));
    for (int64_t i = 0; is_first(self) && i < head[0]; i++) {
        const ac_query *q = &self->queries.items[i];
        rows[i] = q->kind == AC_QUERY_KEY ? q->row : -1;
        head[1] += rows[i] >= 0;
    }
    broadcast_all(self, head, sizeof head);
    broadcast_all(self, rows, (size_t) head[0] * sizeof *rows);
    broadcast_all(self, self->queries.vectors, (size_t) (head[0] * D) * sizeof(float));
    AC_TRY(search_all(self, rows, head[0], head[1] > 0));
    *more = true;
out:
    free(rows);
    return st;
}

bool
ac_search_result(const ac_search *self, int64_t i, int64_t j, int64_t *row, float *score)
{
    const int64_t *ids = self->merged_ids + i * self->k;
    const int64_t own = self->queries.items[i].row;

    if (j >= self->wanted)
        return false;
    for (int64_t at = 0; at < self->k && ids[at] >= 0; at++) {
        if (ids[at] == own)
            continue;
        if (j-- > 0)
            continue;
        *row = ids[at];
        *score = self->merged_scores[i * self->k + at];
        return *score >= self->least;
    }
    return false;
}
