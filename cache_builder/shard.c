/* A cache's shards: writing one, and reading a slice across them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache_builder/cache.h"
#include "engine/base/tensor.h"
#include "engine/base/memory.h"
#include "io/file/checksum.h"
#include "io/file/path.h"
#include "io/hdf5/shard_file.h"

ac_status
ac_cache_shard_path(char **out, const char *folder, int64_t number)
{
    return ac_path_format(out, "%s/shards/%05lld.h5", folder, (long long) number);
}

ac_status
ac_cache_shard_write(const char *path, const ac_texts *entries, int64_t first, int64_t rows,
                     const float *embeddings, int64_t dimension, ac_compression compression,
                     char checksum[33])
{
    ac_status st = AC_OK;
    ac_shard_writer w = { 0 };
    ac_texts part = { 0 };

    for (int64_t i = first; i < first + rows; i++)
        AC_TRY(ac_texts_push(&part, ac_texts_at(entries, i), ac_texts_size(entries, i)));
    AC_TRY(ac_shard_create(&w, path, compression, AC_SHARD_CACHE));
    AC_TRY(ac_shard_write_texts(&w, AC_CACHE_ENTRIES, &part));
    AC_TRY(ac_shard_write(&w, AC_CACHE_EMBEDDINGS, rows, dimension, embeddings));
    AC_TRY(ac_shard_commit(&w, checksum));
out:
    ac_shard_abandon(&w);
    ac_texts_free(&part);
    return st;
}

/* Rows [from, from + rows) of an open shard, appended to entries. */
static ac_status
read_entries(const ac_h5_reader *r, const char *path, int64_t all, int64_t from, int64_t rows,
             ac_texts *entries)
{
    ac_texts texts = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_shard_read_texts(r, AC_CACHE_ENTRIES, &texts));
    if (texts.count != all)
        AC_FAIL(AC_E_FORMAT, "%s: %lld entries, the manifest says %lld", path,
                (long long) texts.count, (long long) all);
    for (int64_t i = from; i < from + rows; i++)
        AC_TRY(ac_texts_push(entries, ac_texts_at(&texts, i), ac_texts_size(&texts, i)));
out:
    ac_texts_free(&texts);
    return st;
}

static ac_status
read_part(const ac_cache *self, int64_t shard, int64_t from, int64_t rows, float *embeddings,
          ac_texts *entries)
{
    ac_status st = AC_OK;
    ac_h5_reader r = { 0 };
    char *path = NULL, checksum[33];

    AC_TRY(ac_cache_shard_path(&path, self->folder, shard));
    AC_TRY(ac_file_checksum(path, checksum));
    if (strcmp(checksum, self->shards[shard].checksum) != 0)
        AC_FAIL(AC_E_FORMAT,
                "%s: damaged: not the file that was published; restore it, or build the cache "
                "again",
                path);
    AC_TRY(ac_h5_open(&r, path));
    if (embeddings)
        AC_TRY(ac_shard_read_rows(&r, AC_CACHE_EMBEDDINGS, from, rows, self->dimension,
                                  embeddings));
    if (entries)
        AC_TRY(read_entries(&r, path, self->shards[shard].rows, from, rows, entries));
    if (embeddings) {
        const int64_t n = rows * self->dimension, bad = ac_floats_not_finite(embeddings, n);
        if (bad < n)
            AC_FAIL(AC_E_FORMAT, "%s: the embedding of entry %lld is not finite", path,
                    (long long) (from + bad / self->dimension));
    }
out:
    ac_h5_close(&r);
    free(path);
    return st;
}

ac_status
ac_cache_read_slice(const ac_cache *self, int64_t first, int64_t count, float *embeddings,
                    ac_texts *entries)
{
    ac_status st = AC_OK;
    int64_t begin = 0, done = 0;

    AC_CHECK(first >= 0 && count >= 0 && first + count <= self->entries);
    if (entries)
        ac_texts_reset(entries);
    for (int64_t s = 0; s < self->shard_count && done < count && st == AC_OK;
         begin += self->shards[s++].rows) {
        const int64_t from = first + done - begin;
        int64_t rows = self->shards[s].rows - from;
        if (rows <= 0)
            continue;
        rows = rows < count - done ? rows : count - done;
        st = read_part(self, s, from, rows,
                       embeddings ? embeddings + done * self->dimension : NULL, entries);
        done += rows;
    }
    return st;
}
