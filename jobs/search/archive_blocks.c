/* Reading: embeddings of a slice, and what is told of single rows. */
#include "jobs/search/archive_blocks.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/retrieval/index.h"
#include "io/file/checksum.h"
#include "io/hdf5/shard_file.h"
#include "io/source/location.h"

/* ---- embeddings ---- */

/* The shard file of a stage, compared with its checksum. */
static ac_status
open_shard(const ac_archive_source *s, int stage, int64_t shard, bool check, ac_h5_reader *h5)
{
    char *path = NULL, found[33];
    ac_status st = AC_OK;

    AC_TRY(ac_run_view_shard_path(&s->run, stage, shard, &path));
    if (check) {
        AC_TRY(ac_file_checksum(path, found));
        if (strcmp(found, s->run.manifest.stages[stage].shards[shard].checksum) != 0)
            AC_FAIL(AC_E_FORMAT,
                    "%s: not what was published; the same command that made the run makes it "
                    "again",
                    path);
    }
    st = ac_h5_open(h5, path);
out:
    free(path);
    return st;
}

ac_status
ac_archive_find_width(ac_archive *self)
{
    ac_status st = AC_OK;
    ac_h5_reader h5 = { 0 };

    for (int i = 0; i < self->source_count; i++) {
        const ac_archive_source *s = &self->sources[i];
        int64_t rows = 0, width = s->is_cache ? s->cache.dimension : 0;
        for (int64_t b = 0; !s->is_cache && b < s->blocks && !width; b++) {
            if (!s->run.manifest.stages[0].shards[b].rows)
                continue;
            AC_TRY(open_shard(s, 0, b, false, &h5));
            AC_TRY(ac_shard_shape(&h5, AC_EMBED_EMBEDDINGS, &rows, &width));
            ac_h5_close(&h5);
        }
        if (width && self->D && width != self->D)
            AC_FAIL(AC_E_FORMAT, "%s: embeddings of width %lld, those of %s have %lld", s->path,
                    (long long) width, self->sources[0].path, (long long) self->D);
        self->D = width ? width : self->D;
    }
out:
    ac_h5_close(&h5);
    return st;
}

/* All rows of a block: at *place [room, D], if that is not NULL and they fit; else *place
 * becomes x [capacity, D], which is grown as needed. */
static ac_status
read_block(const ac_archive *self, int64_t block, float **x, int64_t *capacity, float **place,
           int64_t room)
{
    const ac_archive_source *s = self->sources;
    ac_h5_reader h5 = { 0 };
    int64_t rows = 0, width = 0;
    ac_status st = AC_OK;

    while (block >= s->first_block + s->blocks)
        s++;
    block -= s->first_block;
    if (s->is_cache) {
        const int64_t left = s->cache.entries - block * AC_ARCHIVE_ENTRIES;
        rows = left < AC_ARCHIVE_ENTRIES ? left : AC_ARCHIVE_ENTRIES;
    } else {
        AC_TRY(open_shard(s, 0, block, true, &h5));
        AC_TRY(ac_shard_shape(&h5, AC_EMBED_EMBEDDINGS, &rows, &width));
        if (width != self->D || rows != s->run.manifest.stages[0].shards[block].rows)
            AC_FAIL(AC_E_FORMAT,
                    "%s: shard %lld has %lld embeddings of width %lld, expected %lld of %lld",
                    s->path, (long long) block, (long long) rows, (long long) width,
                    (long long) s->run.manifest.stages[0].shards[block].rows,
                    (long long) self->D);
    }
    if (!*place || rows > room) {
        AC_TRY(ac_grow(x, capacity, rows * self->D, sizeof **x));
        *place = *x;
    }
    if (s->is_cache)
        st = ac_cache_read_slice(&s->cache, block * AC_ARCHIVE_ENTRIES, rows, *place, NULL);
    else
        st = ac_shard_read(&h5, AC_EMBED_EMBEDDINGS, rows, self->D, *place);
out:
    ac_h5_close(&h5);
    return st;
}

/* starts [blocks + 1], rows [count]: the slice's rows by their blocks. */
static ac_status
group_by_block(const ac_archive *self, int64_t first, int64_t count, int64_t *starts,
               int64_t *rows)
{
    int64_t *at = NULL;
    ac_status st = ac_alloc(&at, self->block_count + 1, sizeof *at);

    if (st != AC_OK)
        return st;
    for (int64_t i = first; i < first + count; i++)
        starts[self->places[i].block + 1]++;
    for (int64_t b = 0; b < self->block_count; b++)
        starts[b + 1] += starts[b];
    memcpy(at, starts, (size_t) self->block_count * sizeof *at);
    for (int64_t i = first; i < first + count; i++)
        rows[at[self->places[i].block]++] = i;
    free(at);
    return AC_OK;
}

/* These rows of the archive follow each other, and are the first ones of a block. */
static bool
in_order(const ac_archive *self, const int64_t *rows, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (rows[i] != rows[0] + i || self->places[rows[i]].row != i)
            return false;
    return true;
}

ac_status
ac_archive_read(ac_archive *self, int64_t first, int64_t count, float *embeddings)
{
    const int64_t D = self->D;
    int64_t *starts = NULL, *rows = NULL, capacity = 0, bad;
    float *x = NULL, *at;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&starts, self->block_count + 1, sizeof *starts));
    AC_TRY(ac_alloc(&rows, count, sizeof *rows));
    AC_TRY(group_by_block(self, first, count, starts, rows));
    for (int64_t b = 0; b < self->block_count; b++) {
        if (starts[b] == starts[b + 1])
            continue;
        at = in_order(self, rows + starts[b], starts[b + 1] - starts[b])
                 ? embeddings + (rows[starts[b]] - first) * D
                 : NULL;
        AC_TRY(read_block(self, b, &x, &capacity, &at, starts[b + 1] - starts[b]));
        for (int64_t i = starts[b]; at == x && i < starts[b + 1]; i++)
            memcpy(embeddings + (rows[i] - first) * D, x + self->places[rows[i]].row * D,
                   (size_t) D * sizeof *x);
    }
    if (!ac_embeddings_check(embeddings, count, D, &bad))
        AC_FAIL(AC_E_FORMAT, "%s: the embedding of %.*s is not finite",
                self->sources[self->places[first + bad].source].path,
                (int) ac_texts_size(&self->keys, first + bad),
                ac_texts_at(&self->keys, first + bad));
out:
    free(starts);
    free(rows);
    free(x);
    return st;
}

ac_status
ac_archive_load(ac_archive *self, int64_t first, int64_t count)
{
    ac_status st = ac_alloc_aligned(&self->embeddings, count * self->D, sizeof(float));

    self->first = first;
    self->count = count;
    return st == AC_OK ? ac_archive_read(self, first, count, self->embeddings) : st;
}

/* ---- single rows ---- */

static ac_status
read_texts(const ac_archive *self, const ac_archive_place *place, int stage, ac_dataset_id id,
           ac_texts *texts)
{
    const ac_archive_source *s = &self->sources[place->source];
    const int64_t shard = place->block - s->first_block;
    ac_h5_reader h5 = { 0 };
    ac_status st = AC_OK;

    AC_TRY(open_shard(s, stage, shard, true, &h5));
    AC_TRY(ac_shard_read_texts(&h5, id, texts));
    if (texts->count && texts->count != s->run.manifest.stages[0].shards[shard].rows)
        st = ac_error_set(AC_E_FORMAT, "%s: shard %lld of stage %s does not fit the others",
                          s->path, (long long) shard, s->run.manifest.stages[stage].name);
out:
    ac_h5_close(&h5);
    return st;
}

static void
give(const ac_texts *texts, int64_t row, const char **bytes, size_t *n)
{
    *bytes = row < texts->count ? ac_texts_at(texts, row) : NULL;
    *n = row < texts->count ? ac_texts_size(texts, row) : 0;
}

ac_status
ac_archive_caption(ac_archive *self, int64_t row, const char **bytes, size_t *n)
{
    const ac_archive_place *place = &self->places[row];
    const ac_archive_source *s = &self->sources[place->source];
    ac_archive_block *block = &self->blocks[place->block];
    ac_status st = AC_OK;

    *bytes = NULL;
    *n = 0;
    if (s->is_cache || s->captions < 0 ||
        !s->run.manifest.stages[s->captions].shards[place->block - s->first_block].done)
        return AC_OK;
    if (!block->has_captions)
        st = read_texts(self, place, s->captions, AC_CAPTIONS_CAPTIONS, &block->captions);
    block->has_captions = st == AC_OK;
    if (st == AC_OK)
        give(&block->captions, place->row, bytes, n);
    return st;
}

ac_status
ac_archive_thumbnail(ac_archive *self, int64_t row, const char **bytes, size_t *n)
{
    const ac_archive_place *place = &self->places[row];
    ac_status st = AC_OK;

    *bytes = NULL;
    *n = 0;
    if (self->sources[place->source].is_cache)
        return AC_OK;
    if (self->thumbnail_block != place->block) {
        self->thumbnail_block = -1;
        AC_TRY(read_texts(self, place, 0, AC_EMBED_THUMBNAILS, &self->thumbnails));
        self->thumbnail_block = place->block;
    }
    give(&self->thumbnails, place->row, bytes, n);
    if (*n == 0)
        *bytes = NULL;
out:
    return st;
}

ac_status
ac_archive_path(ac_archive *self, int64_t row, char **path)
{
    const ac_archive_place *place = &self->places[row];
    const ac_archive_source *s = &self->sources[place->source];
    ac_archive_block *block = &self->blocks[place->block];
    const char *location;
    size_t n;
    ac_status st = AC_OK;

    *path = NULL;
    if (s->is_cache)
        return ac_duplicate(path, ac_texts_at(&self->keys, row),
                            ac_texts_size(&self->keys, row));
    if (!block->has_locations)
        AC_TRY(read_texts(self, place, 0, AC_EMBED_PATHS, &block->locations));
    block->has_locations = true;
    give(&block->locations, place->row, &location, &n);
    st = ac_location_join(s->root ? s->root : "", location ? location : "", n, path);
out:
    return st;
}
