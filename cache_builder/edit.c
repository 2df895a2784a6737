#include "cache_builder/edit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cache_builder/duplicates.h"
#include "engine/base/memory.h"
#include "io/file/checksum.h"
#include "io/file/path.h"

void
ac_cache_edit_free(ac_cache_edit *self)
{
    free(self->keep[0]);
    free(self->keep[1]);
    ac_texts_free(&self->fresh);
    *self = (ac_cache_edit){ 0 };
}

/* ---- the plan ---- */

static ac_status
append(ac_texts *out, const ac_texts *more, const bool *which)
{
    ac_status st = AC_OK;

    for (int64_t i = 0; i < more->count && st == AC_OK; i++)
        if (!which || which[i])
            st = ac_texts_push(out, ac_texts_at(more, i), ac_texts_size(more, i));
    return st;
}

/* Those of a cache that are not removed; used [removed]: raised for what was found. */
static ac_status
drop_removed(ac_cache_edit *self, const ac_texts *entries, bool *keep, bool *used)
{
    int64_t *found = NULL;
    ac_status st = AC_OK;

    for (int64_t i = 0; i < entries->count; i++)
        keep[i] = true;
    if (!self->removed)
        return AC_OK;
    AC_TRY(ac_alloc(&found, entries->count, sizeof *found));
    AC_TRY(ac_entries_find(self->removed, entries, found));
    for (int64_t i = 0; i < entries->count; i++) {
        keep[i] = found[i] < 0;
        self->dropped += found[i] >= 0;
        if (found[i] >= 0)
            used[found[i]] = true;
    }
out:
    free(found);
    return st;
}

/* Of the second cache's entries [count] that are left, and of the added ones, those that are
 * not there yet. */
static ac_status
drop_repeated(ac_cache_edit *self, const ac_texts *first, const ac_texts *second)
{
    ac_texts old = { 0 }, fresh = { 0 };
    int64_t *picked = NULL, *from = NULL, count, given = 0;
    ac_status st = AC_OK;

    AC_TRY(append(&old, first, self->keep[0]));
    AC_TRY(ac_alloc(&from, second->count, sizeof *from));
    for (int64_t i = 0; i < second->count; i++)
        if (self->keep[1][i])
            from[given++] = i;
    AC_TRY(append(&fresh, second, self->keep[1]));
    if (self->added)
        AC_TRY(append(&fresh, self->added, NULL));
    AC_TRY(ac_alloc(&picked, fresh.count, sizeof *picked));
    AC_TRY(ac_entries_pick_new(&old, &fresh, picked, &count));
    for (int64_t i = 0; i < second->count; i++)
        self->keep[1][i] = false;
    for (int64_t i = 0; i < count; i++) {
        if (picked[i] < given)
            self->keep[1][from[picked[i]]] = true;
        else
            AC_TRY(ac_texts_push(&self->fresh, ac_texts_at(&fresh, picked[i]),
                                 ac_texts_size(&fresh, picked[i])));
    }
    self->kept = old.count;
    self->joined = count - self->fresh.count;
    self->repeated = fresh.count - count;
out:
    ac_texts_free(&old);
    ac_texts_free(&fresh);
    free(picked);
    free(from);
    return st;
}

ac_status
ac_cache_edit_plan(ac_cache_edit *self)
{
    ac_texts entries[2];
    const ac_cache *caches[] = { self->cache, self->merged };
    bool *used = NULL;
    ac_status st = AC_OK;

    memset(entries, 0, sizeof entries);
    if (self->merged)
        AC_TRY(ac_cache_check_same(self->cache, self->merged));
    AC_TRY(ac_alloc(&used, self->removed ? self->removed->count : 0, sizeof *used));
    for (int c = 0; c < 2; c++) {
        if (caches[c])
            AC_TRY(ac_cache_read_slice(caches[c], 0, caches[c]->entries, NULL, &entries[c]));
        AC_TRY(ac_alloc(&self->keep[c], entries[c].count, sizeof *self->keep[c]));
        AC_TRY(drop_removed(self, &entries[c], self->keep[c], used));
    }
    self->first_unknown = -1;
    for (int64_t i = self->removed ? self->removed->count - 1 : -1; i >= 0; i--) {
        self->unknown += !used[i];
        self->first_unknown = used[i] ? self->first_unknown : i;
    }
    AC_TRY(drop_repeated(self, &entries[0], &entries[1]));
    if (self->kept + self->joined + self->fresh.count == 0)
        AC_FAIL(AC_E_FORMAT, "%s: every entry is removed: nothing would be left of the cache",
                self->cache->folder);
out:
    ac_texts_free(&entries[0]);
    ac_texts_free(&entries[1]);
    free(used);
    return st;
}

/* ---- writing ---- */

/* The new cache, a shard at a time. */
typedef struct writer {
    const char *folder;
    ac_compression compression;
    ac_cache cache;
    ac_texts entries; /* of the shard that is being filled */
    float *rows;      /* [shard_items, D] */
    int64_t shard_items;
} writer;

static ac_status
flush(writer *self)
{
    ac_cache_shard shard = { .rows = self->entries.count };
    char *path = NULL;
    ac_status st = AC_OK;

    if (shard.rows == 0)
        return AC_OK;
    AC_TRY(ac_cache_shard_path(&path, self->folder, self->cache.shard_count));
    AC_TRY(ac_cache_shard_write(path, &self->entries, 0, shard.rows, self->rows,
                                self->cache.dimension, self->compression, shard.checksum));
    AC_TRY(ac_cache_add_shards(&self->cache, &shard, 1));
    ac_texts_reset(&self->entries);
out:
    free(path);
    return st;
}

static ac_status
push(writer *self, const ac_texts *entries, int64_t i, const float *row)
{
    const size_t D = (size_t) self->cache.dimension;
    ac_status st = AC_OK;

    memcpy(self->rows + (size_t) self->entries.count * D, row, D * sizeof *row);
    AC_TRY(ac_texts_push(&self->entries, ac_texts_at(entries, i), ac_texts_size(entries, i)));
    if (self->entries.count == self->shard_items)
        st = flush(self);
out:
    return st;
}

/* What stays of a cache, read a shard at a time. */
static ac_status
copy_cache(writer *self, const ac_cache *from, const bool *keep)
{
    ac_texts entries = { 0 };
    float *rows = NULL;
    int64_t most = 0, first = 0;
    ac_status st = AC_OK;

    for (int64_t s = 0; s < from->shard_count; s++)
        most = from->shards[s].rows > most ? from->shards[s].rows : most;
    AC_TRY(ac_alloc_aligned(&rows, most * from->dimension, sizeof *rows));
    for (int64_t s = 0; s < from->shard_count; first += from->shards[s++].rows) {
        AC_TRY(ac_cache_read_slice(from, first, from->shards[s].rows, rows, &entries));
        for (int64_t i = 0; i < entries.count; i++)
            if (keep[first + i])
                AC_TRY(push(self, &entries, i, rows + i * from->dimension));
    }
out:
    ac_texts_free(&entries);
    free(rows);
    return st;
}

/* Where the entries came from. */
static ac_status
add_sources(writer *self, const ac_cache_edit *edit, const char *added_path, int64_t cut)
{
    const ac_cache *caches[] = { edit->cache, edit->merged };
    const int64_t counts[] = { edit->kept, edit->joined };
    ac_cache_source added = { .kind = "lines",
                              .path = (char *) (uintptr_t) added_path,
                              .entries = edit->fresh.count,
                              .cut = cut };
    ac_status st = AC_OK;

    for (int c = 0; c < 2; c++) {
        ac_cache_source source = { .kind = "cache", .entries = counts[c] };
        if (!caches[c])
            continue;
        source.path = caches[c]->folder;
        memcpy(source.input, caches[c]->fingerprint, sizeof source.input);
        AC_TRY(ac_cache_add_source(&self->cache, &source));
    }
    if (!edit->added)
        return AC_OK;
    ac_checksum_bytes(edit->added->bytes.data ? edit->added->bytes.data : "",
                      edit->added->bytes.size, added.input);
    st = ac_cache_add_source(&self->cache, &added);
out:
    return st;
}

ac_status
ac_cache_edit_write(const ac_cache_edit *self, const float *embeddings, const char *added_path,
                    int64_t cut, ac_compression compression, const char *folder)
{
    const ac_cache *cache = self->cache;
    writer w = { .folder = folder,
                 .compression = compression,
                 .shard_items = self->shard_items };
    char *shards = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_path_format(&shards, "%s/shards", folder));
    if (mkdir(shards, 0777) != 0)
        AC_FAIL(AC_E_IO, "%s: the folder cannot be made", shards);
    AC_TRY(ac_cache_identity_set(&w.cache, cache->model, cache->model_path, cache->prefix,
                                 cache->dimension));
    AC_TRY(ac_alloc_aligned(&w.rows, self->shard_items * cache->dimension, sizeof *w.rows));
    AC_TRY(copy_cache(&w, cache, self->keep[0]));
    if (self->merged)
        AC_TRY(copy_cache(&w, self->merged, self->keep[1]));
    for (int64_t i = 0; i < self->fresh.count; i++)
        AC_TRY(push(&w, &self->fresh, i, embeddings + i * cache->dimension));
    AC_TRY(flush(&w));
    AC_TRY(add_sources(&w, self, added_path, cut));
    st = ac_cache_save(&w.cache, folder);
out:
    ac_cache_close(&w.cache);
    ac_texts_free(&w.entries);
    free(w.rows);
    free(shards);
    return st;
}
