/* Stage retrieve: all ranks together, each holding its slice of the cache. Blocks of queries (a
 * shard's embeddings) go to every rank, each finds its slice's exact top k, the lists are
 * merged, and the owners send the entries' text.
 * A shard's root reads and writes its files, and all ranks do this at the same time, once per
 * round of as many shards as there are ranks: nobody waits for the files of one. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "engine/comm/topk_merge.h"
#include "engine/retrieval/probability.h"
#include "engine/retrieval/topk.h"
#include "io/file/checksum.h"
#include "io/hdf5/shard_file.h"
#include "jobs/caption/entry_texts.h"
#include "jobs/caption/equal_images.h"
#include "jobs/caption/equal_rows.h"
#include "jobs/caption/stages.h"

typedef struct ac_retriever {
    const ac_run *run;          /* borrowed */
    const ac_cache_set *caches; /* borrowed */
    const ac_retrieve_work *work;
    int64_t first, count; /* the slice: entries [first, first + count) of all */
    int64_t admitted;     /* of them */
    int64_t *ids_of;      /* [admitted]: their ids; NULL: all are, and stand in order */
    int64_t width, K;
    float *embeddings; /* [admitted, D]; the shards' rows are read straight into it, and the
                          index keeps only what it packs */
    ac_texts entries;  /* [count] */
    ac_topk_index index;
    int64_t rows;              /* of the shard, then */
    float *queries;            /* [shard_items, D] */
    int64_t *ids, *merged_ids; /* [shard_items, K] */
    float *scores, *merged_scores;
    float scale;        /* of probabilities; 0: none are written */
    int64_t *sums;      /* [shard_items], then */
    float *tops;        /* [shard_items] */
    int32_t *cache_of;  /* [shard_items, K], of several caches */
    int64_t *cache_ids; /* the same: ids there */
    ac_equal_images equal;
    /* [shard_items]: which query an image is; equal embeddings are one. From shard_items on: a
     * table of an earlier shard */
    int64_t *query;
    /* Of the shard of this round whose root this rank is: what it reads when the round begins,
     * and what it writes at its end */
    ac_texts keys;
    float *embedded; /* [shard_items, D] */
    ac_texts found;  /* [keys * K]: entries */
    int64_t *found_ids;
    float *found_scores, *probabilities; /* [shard_items, K] */
    /* Tables of earlier shards, of images that this one has too: known to the rank that writes
     * the shard; which rows they are for, to all */
    int64_t shard_first;    /* its first item */
    int64_t tables, *table; /* table [shard_items]: which is a row's; -1: none */
    int64_t *table_ids;     /* [tables, K] */
    float *table_scores, *table_probabilities;
    ac_texts table_entries; /* [tables * K] */
} retriever;

static void
retriever_free(retriever *self)
{
    ac_topk_index_free(&self->index);
    ac_texts_free(&self->entries);
    free(self->embeddings);
    free(self->queries);
    free(self->ids);
    free(self->merged_ids);
    free(self->scores);
    free(self->merged_scores);
    free(self->query);
    free(self->table);
    free(self->table_ids);
    free(self->table_scores);
    free(self->table_probabilities);
    ac_texts_free(&self->keys);
    ac_texts_free(&self->found);
    free(self->embedded);
    free(self->found_ids);
    free(self->found_scores);
    ac_texts_free(&self->table_entries);
    free(self->ids_of);
    free(self->sums);
    free(self->tops);
    free(self->probabilities);
    free(self->cache_of);
    free(self->cache_ids);
    ac_equal_images_free(&self->equal);
}

/* Local: this rank's slice, read. */
static ac_status
read_slice(retriever *self, const ac_retrieve_work *work, const ac_run *run)
{
    const ac_cache_set *caches = work->admission.caches;
    const int64_t total = caches->entries, size = run->comm->size, rank = run->comm->rank;
    ac_status st = AC_OK;

    self->run = run;
    self->caches = caches;
    self->work = work;
    self->width = caches->dimension;
    self->K = run->config->retrieval.topk;
    self->scale = work->probability_scale;
    self->first = total * rank / size;
    self->count = total * (rank + 1) / size - self->first;
    AC_TRY(ac_alloc_aligned(&self->embeddings, self->count * self->width, sizeof(float)));
    st = ac_cache_set_read_slice(caches, self->first, self->count, self->embeddings,
                                 &self->entries);
out:
    return st;
}

/* Local: only the admitted rows stay, each under its id. */
static ac_status
keep_admitted(retriever *self, const bool *admitted)
{
    const size_t bytes = (size_t) self->width * sizeof *self->embeddings;
    ac_status st = AC_OK;

    for (int64_t i = 0; i < self->count; i++)
        self->admitted += admitted[i];
    if (self->admitted == self->count)
        return AC_OK;
    AC_TRY(ac_alloc(&self->ids_of, self->admitted, sizeof *self->ids_of));
    for (int64_t i = 0, to = 0; i < self->count; i++) {
        if (!admitted[i])
            continue;
        if (to != i)
            memcpy(self->embeddings + to * self->width, self->embeddings + i * self->width,
                   bytes);
        self->ids_of[to++] = self->first + i;
    }
out:
    return st;
}

static ac_status
choose_entries_all(retriever *self, ac_retrieve_work *work)
{
    const ac_comm *comm = self->run->comm;
    bool *admitted = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_agree_all(comm, ac_alloc(&admitted, self->count, sizeof *admitted)));
    AC_TRY(
        ac_admission_find_all(&work->admission, comm, self->first, &self->entries, admitted));
    work->counted = true;
    st = ac_agree_all(comm, keep_admitted(self, admitted));
out:
    free(admitted);
    return st;
}

/* Local: the index, and the memory of a shard. */
static ac_status
retriever_init(retriever *self, const ac_run *run)
{
    const int64_t items = run->manifest.shard_items, rows = items * self->K;
    ac_status st = AC_OK;

    AC_TRY(ac_topk_index_init(&self->index, self->embeddings, self->admitted, self->width,
                              self->ids_of ? 0 : self->first, AC_SCAN_AUTO, items));
    AC_TRY(ac_alloc_aligned(&self->queries, items * self->width, sizeof(float)));
    AC_TRY(ac_alloc_aligned(&self->embedded, items * self->width, sizeof(float)));
    AC_TRY(ac_alloc(&self->found_ids, rows, sizeof *self->found_ids));
    AC_TRY(ac_alloc(&self->found_scores, rows, sizeof *self->found_scores));
    AC_TRY(ac_alloc(&self->ids, rows, sizeof *self->ids));
    AC_TRY(ac_alloc(&self->scores, rows, sizeof *self->scores));
    AC_TRY(ac_alloc(&self->merged_ids, rows, sizeof *self->merged_ids));
    AC_TRY(ac_alloc(&self->merged_scores, rows, sizeof *self->merged_scores));
    AC_TRY(ac_alloc(&self->query, run->manifest.shard_items, sizeof *self->query));
    AC_TRY(ac_alloc(&self->table, items, sizeof *self->table));
    if (self->work->equal && self->work->equal->count) {
        AC_TRY(ac_alloc(&self->table_ids, rows, sizeof *self->table_ids));
        AC_TRY(ac_alloc(&self->table_scores, rows, sizeof *self->table_scores));
        AC_TRY(ac_alloc(&self->table_probabilities, rows, sizeof *self->table_probabilities));
    }
    if (self->scale > 0) {
        AC_TRY(ac_alloc(&self->sums, items, sizeof *self->sums));
        AC_TRY(ac_alloc(&self->tops, items, sizeof *self->tops));
        AC_TRY(ac_alloc(&self->probabilities, rows, sizeof *self->probabilities));
    }
    if (self->caches->count > 1) {
        AC_TRY(ac_alloc(&self->cache_of, rows, sizeof *self->cache_of));
        AC_TRY(ac_alloc(&self->cache_ids, rows, sizeof *self->cache_ids));
    }
    st = ac_equal_images_init(&self->equal, run->manifest.shard_items);
out:
    return st;
}

/* What the slices take. They differ by one entry at most, so the mean is every rank's. */
static void
log_memory_all(const retriever *self, const ac_admission *admission)
{
    const ac_comm *comm = self->run->comm;
    const int64_t *left_out = admission->left_out;
    int64_t bytes[2] = { self->count * self->width * (int64_t) sizeof(float),
                         (int64_t) self->index.bytes };

    ac_sum_int64_all(comm, bytes, 2);
    if (comm->rank == 0)
        ac_log(AC_LOG_INFO,
               "cache: %" PRId64
               " entries over %d rank%s, scan %s; memory per rank: %.1f MB of "
               "embeddings, %.1f MB of index",
               self->caches->entries, comm->size, comm->size == 1 ? "" : "s",
               ac_topk_index_scan(&self->index), (double) bytes[0] / comm->size * 1e-6,
               (double) bytes[1] / comm->size * 1e-6);
    if (comm->rank == 0 && left_out[0])
        ac_log(AC_LOG_INFO, "%" PRId64 " entries are denied by retrieval.deny", left_out[0]);
    if (comm->rank == 0 && left_out[1])
        ac_log(AC_LOG_INFO,
               "%" PRId64 " entries are left out: an earlier cache has them, or their own has "
               "them twice",
               left_out[1]);
}

/* ---- tables of earlier shards ---- */

/* Row `row` of an earlier shard's tables is the item's. */
static ac_status
take_table(void *context, const ac_h5_reader *shard, int64_t row, int64_t item)
{
    retriever *self = context;
    const int64_t at = self->tables * self->K;
    ac_texts entries = { 0 };
    int64_t mine;
    ac_status st = AC_OK;

    AC_TRY(ac_equal_rows_row(&self->keys, self->shard_first, self->work->images, item, &mine));
    if (mine < 0) /* rejected here */
        return AC_OK;
    AC_TRY(ac_shard_read_rows(shard, AC_TABLES_IDS, row, 1, self->K, self->table_ids + at));
    AC_TRY(
        ac_shard_read_rows(shard, AC_TABLES_SCORES, row, 1, self->K, self->table_scores + at));
    if (self->scale > 0)
        AC_TRY(ac_shard_read_rows(shard, AC_TABLES_PROBABILITIES, row, 1, self->K,
                                  self->table_probabilities + at));
    AC_TRY(ac_shard_read_text_rows(shard, AC_TABLES_ENTRIES, row * self->K, self->K, &entries));
    for (int64_t k = 0; k < self->K; k++)
        AC_TRY(ac_texts_push(&self->table_entries, ac_texts_at(&entries, k),
                             ac_texts_size(&entries, k)));
    self->table[mine] = self->tables++;
out:
    ac_texts_free(&entries);
    return st;
}

/* The rank that writes the shard looks; all ranks know for which rows it found a table. */
static ac_status
find_tables_all(retriever *self, const ac_stage_shard *shard)
{
    const ac_comm *comm = self->run->comm;
    const ac_equal_rows rows = { .run = self->run,
                                 .items = self->work->equal,
                                 .images = self->work->images,
                                 .stage = AC_STAGE_RETRIEVE,
                                 .keys = AC_TABLES_KEYS,
                                 .first = shard->first,
                                 .count = shard->count,
                                 .take = take_table,
                                 .context = self };
    ac_status st = AC_OK;

    self->tables = 0;
    self->shard_first = shard->first;
    ac_texts_reset(&self->table_entries);
    for (int64_t i = 0; i < self->run->manifest.shard_items; i++)
        self->table[i] = -1;
    if (!ac_equal_rows_any(&rows))
        return AC_OK;
    AC_TRY(ac_agree_all(comm, comm->rank == shard->root ? ac_equal_rows_find(&rows) : AC_OK));
    ac_broadcast_bytes_all(comm, self->table, (size_t) self->rows * sizeof *self->table,
                           shard->root);
out:
    return st;
}

/* ---- queries ---- */

/* Equal embeddings [n] have equal tables: each is asked for once, and none that has a table of
 * an earlier shard. Returns how many are left, the same on all ranks. */
static int64_t
gather_queries(retriever *self, int64_t n)
{
    const size_t bytes = (size_t) self->width * sizeof *self->queries;
    int64_t count = 0;
    char hash[33];

    ac_equal_images_reset(&self->equal);
    for (int64_t i = 0; i < n; i++) {
        const float *query = self->queries + i * self->width;
        ac_checksum_bytes(query, bytes, hash);
        self->query[i] = ac_equal_images_find(&self->equal, hash, 0);
        if (self->query[i] < 0 && self->table[i] >= 0) {
            self->query[i] = self->run->manifest.shard_items + self->table[i];
            ac_equal_images_set(&self->equal, hash, 0, self->query[i]);
        }
        if (self->query[i] >= 0)
            continue;
        ac_equal_images_set(&self->equal, hash, 0, count);
        if (count != i)
            memcpy(self->queries + count * self->width, query, bytes);
        self->query[i] = count++;
    }
    return count;
}

/* Local: the shard's keys and embeddings. */
static ac_status
read_shard(retriever *self, int64_t shard)
{
    ac_texts *keys = &self->keys;
    ac_status st = AC_OK;
    ac_h5_reader r = { 0 };
    char *path = NULL;
    int64_t bad;

    AC_TRY(ac_run_published_shard(self->run, AC_STAGE_EMBED, shard, &path));
    AC_TRY(ac_h5_open(&r, path));
    AC_TRY(ac_shard_read_texts(&r, AC_EMBED_KEYS, keys));
    AC_TRY(ac_shard_read(&r, AC_EMBED_EMBEDDINGS, keys->count, self->width, self->embedded));
    if (!ac_embeddings_check(self->embedded, keys->count, self->width, &bad))
        AC_FAIL(AC_E_FORMAT,
                "%s: the embedding of %.*s is not finite; remove the file and run again", path,
                (int) ac_texts_size(keys, bad), ac_texts_at(keys, bad));
out:
    ac_h5_close(&r);
    free(path);
    return st;
}

/* When a round begins, each rank reads the shard whose root it will be; then each root in turn
 * gives its own to all. */
static ac_status
share_queries_all(retriever *self, const ac_stage *stage, const ac_stage_shard *shard)
{
    const ac_comm *comm = self->run->comm;
    const int64_t own = stage->at + comm->rank;
    ac_status st = AC_OK;

    if (shard->root == 0)
        AC_TRY(ac_agree_all(comm, own < stage->todo_count ? read_shard(self, stage->todo[own])
                                                          : AC_OK));
    if (comm->rank == shard->root) {
        self->rows = self->keys.count;
        memcpy(self->queries, self->embedded,
               (size_t) (self->rows * self->width) * sizeof *self->queries);
    }
    ac_broadcast_bytes_all(comm, &self->rows, sizeof self->rows, shard->root);
    ac_broadcast_bytes_all(comm, self->queries,
                           (size_t) (self->rows * self->width) * sizeof *self->queries,
                           shard->root);
out:
    return st;
}

/* Local: this slice's best k of each different embedding.
 * @param[out] n  how many different ones are asked for */
static ac_status
search_slice(retriever *self, int64_t *n)
{
    ac_status st;

    *n = gather_queries(self, self->rows);
    st =
        ac_topk_search(&self->index, self->queries, *n, self->K, self->ids, self->scores, NULL);
    for (int64_t i = 0; st == AC_OK && self->ids_of && i < *n * self->K; i++)
        if (self->ids[i] >= 0)
            self->ids[i] = self->ids_of[self->ids[i]];
    return st;
}

/* Row i's, from those of an earlier shard's table or of query `from / K`. */
static void
spread_probabilities(retriever *self, int64_t i, bool earlier, int64_t from)
{
    float *to = self->probabilities + i * self->K;
    const int64_t query = from / self->K;

    for (int64_t k = 0; k < self->K; k++) {
        if (earlier)
            to[k] = self->table_probabilities[from + k];
        else if (self->merged_ids[from + k] < 0)
            to[k] = 0;
        else
            to[k] = ac_probability(self->scale, self->merged_scores[from + k],
                                   self->tops[query], self->sums[query]);
    }
}

/* A row for each image again, from those of the queries. */
static ac_status
spread_rows(retriever *self, const ac_texts *entries)
{
    const size_t K = (size_t) self->K;
    const int64_t n = self->keys.count;
    ac_status st = AC_OK;

    ac_texts_reset(&self->found);
    for (int64_t i = 0; i < n; i++) {
        const int64_t table = self->query[i] - self->run->manifest.shard_items;
        const bool earlier = table >= 0;
        const int64_t from = (earlier ? table : self->query[i]) * self->K;
        const ac_texts *texts = earlier ? &self->table_entries : entries;
        memcpy(self->found_ids + i * self->K,
               (earlier ? self->table_ids : self->merged_ids) + from,
               K * sizeof *self->found_ids);
        memcpy(self->found_scores + i * self->K,
               (earlier ? self->table_scores : self->merged_scores) + from,
               K * sizeof *self->found_scores);
        if (self->scale > 0)
            spread_probabilities(self, i, earlier, from);
        for (int64_t k = from; k < from + self->K; k++)
            AC_TRY(ac_texts_push(&self->found, ac_texts_at(texts, k), ac_texts_size(texts, k)));
    }
out:
    return st;
}

/* The queries' sums over all entries, for their probabilities. */
static void
add_up_all(retriever *self, int64_t n)
{
    for (int64_t q = 0; q < n; q++) {
        self->sums[q] = 0;
        self->tops[q] = self->merged_scores[q * self->K];
    }
    ac_probability_sums(self->sums, self->embeddings, self->admitted, self->width,
                        self->queries, n, self->tops, self->scale);
    ac_sum_int64_all(self->run->comm, self->sums, (int) n);
}

/* Of several caches: which each entry is from, and its id there. */
static void
place_entries(const retriever *self, int64_t n)
{
    for (int64_t i = 0; i < n * self->K; i++) {
        const bool none = self->found_ids[i] < 0;
        const int64_t cache = none ? 0 : ac_cache_set_find(self->caches, self->found_ids[i]);
        self->cache_of[i] = none ? -1 : (int32_t) cache;
        self->cache_ids[i] = none ? -1 : self->found_ids[i] - self->caches->first[cache];
    }
}

static ac_status
write_tables(const retriever *self, const char *path, char checksum[33])
{
    const ac_texts *keys = &self->keys;
    ac_status st = AC_OK;
    ac_shard_writer w = { 0 };

    AC_TRY(ac_shard_create(&w, path, (ac_compression) self->run->config->output.compression,
                           AC_SHARD_TABLES));
    AC_TRY(ac_shard_write_texts(&w, AC_TABLES_KEYS, keys));
    AC_TRY(ac_shard_write(&w, AC_TABLES_IDS, keys->count, self->K, self->found_ids));
    AC_TRY(ac_shard_write(&w, AC_TABLES_SCORES, keys->count, self->K, self->found_scores));
    AC_TRY(ac_shard_write_texts(&w, AC_TABLES_ENTRIES, &self->found));
    if (self->caches->count > 1) {
        place_entries(self, keys->count);
        AC_TRY(ac_shard_write(&w, AC_TABLES_CACHES, keys->count, self->K, self->cache_of));
        AC_TRY(ac_shard_write(&w, AC_TABLES_CACHE_IDS, keys->count, self->K, self->cache_ids));
    }
    if (self->scale > 0)
        AC_TRY(ac_shard_write(&w, AC_TABLES_PROBABILITIES, keys->count, self->K,
                              self->probabilities));
    AC_TRY(ac_shard_commit(&w, checksum));
out:
    ac_shard_abandon(&w);
    return st;
}

/* ---- the row ---- */

static ac_status
open_retriever_all(void *context, ac_stage *stage)
{
    ac_retrieve_work *work = context;
    ac_status st = ac_alloc(&work->retriever, 1, sizeof *work->retriever);

    if (st == AC_OK)
        st = read_slice(work->retriever, work, stage->run);
    AC_TRY(ac_agree_all(stage->run->comm, st));
    AC_TRY(choose_entries_all(work->retriever, work));
    AC_TRY(ac_agree_all(stage->run->comm, retriever_init(work->retriever, stage->run)));
    log_memory_all(work->retriever, &work->admission);
out:
    return st;
}

static ac_status
retrieve_shard_all(void *context, ac_stage *stage, ac_stage_shard *shard)
{
    ac_retrieve_work *work = context;
    retriever *self = work->retriever;
    const ac_comm *comm = stage->run->comm;
    const ac_entry_slice slice = { .total = self->caches->entries,
                                   .ranks = comm->size,
                                   .first = self->first,
                                   .count = self->count };
    ac_status st = AC_OK;
    ac_texts entries = { 0 };
    ac_buffer packed = { 0 }, all = { 0 };
    int64_t n = 0, *bounds = NULL;

    AC_TRY(share_queries_all(self, stage, shard));
    AC_TRY(find_tables_all(self, shard));
    st = search_slice(self, &n);
    if (st == AC_OK)
        st = ac_alloc(&bounds, comm->size + 1, sizeof *bounds);
    AC_TRY(ac_agree_all(comm, st));
    AC_TRY(ac_topk_merge_all(comm, n, self->K, self->ids, self->scores, self->merged_ids,
                             self->merged_scores));
    if (self->scale > 0)
        add_up_all(self, n);
    AC_TRY(ac_agree_all(comm, ac_entry_texts_pack(&slice, self->merged_ids, n * self->K,
                                                  &self->entries, &packed)));
    AC_TRY(ac_gather_bytes_all(comm, packed.data, packed.size, shard->root, &all, bounds));
    if (comm->rank == shard->root) {
        AC_TRY(ac_entry_texts_unpack(&slice, self->merged_ids, n * self->K, all.data, bounds,
                                     &entries));
        AC_TRY(spread_rows(self, &entries));
        work->taken += self->tables;
    }
out:
    ac_texts_free(&entries);
    ac_buffer_free(&packed);
    ac_buffer_free(&all);
    free(bounds);
    return st;
}

static ac_status
write_found(void *context, ac_stage *stage, ac_stage_shard *shard)
{
    ac_retrieve_work *work = context;
    retriever *self = work->retriever;

    (void) stage;
    shard->rows = self->keys.count;
    return write_tables(self, shard->path, shard->checksum);
}

static void
close_retriever(void *context)
{
    ac_retrieve_work *work = context;

    if (work->retriever)
        retriever_free(work->retriever);
    free(work->retriever);
    work->retriever = NULL;
}

const ac_stage_type ac_stage_retrieve = {
    .name = "retrieve",
    .folder = "tables",
    .unit = "images",
    .schema = &ac_shard_schemas[AC_SHARD_TABLES],
    .sharing = AC_SHARDS_TOGETHER,
    .crashes_before_probe = 1,
    .open = open_retriever_all,
    .shard = retrieve_shard_all,
    .write = write_found,
    .close = close_retriever,
};
