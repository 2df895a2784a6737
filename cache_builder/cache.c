#include "cache_builder/cache.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/text/unicode.h"
#include "io/checksum.h"
#include "io/json_write.h"
#include "io/publish.h"
#include "io/text_file.h"

enum { CACHE_FORMAT = 1 };

static ac_status
shard_path(char **out, const char *folder, int64_t number)
{
    if (asprintf(out, "%s/shards/%05lld.h5", folder, (long long) number) >= 0)
        return AC_OK;
    *out = NULL;
    return ac_error_set(AC_E_NOMEM, "out of memory for a path");
}

static ac_status
read_shards(ac_cache *self, const json_t *shards, const char *path)
{
    const json_t *shard;
    size_t i;
    ac_status st;

    self->shard_count = (int64_t) json_array_size(shards);
    st = ac_alloc(&self->shards, self->shard_count, sizeof *self->shards);
    if (st != AC_OK)
        return st;
    json_array_foreach(shards, i, shard) {
        const char *checksum = json_string_value(json_object_get(shard, "checksum"));
        const json_int_t rows = json_integer_value(json_object_get(shard, "rows"));
        if (!checksum || strlen(checksum) != 32 || rows < 1 || rows > INT32_MAX)
            return ac_error_set(AC_E_FORMAT, "%s: shard %zu has no rows or checksum", path, i);
        self->shards[i].rows = rows;
        memcpy(self->shards[i].checksum, checksum, 33);
        self->entries += rows;
    }
    return AC_OK;
}

ac_status
ac_cache_open(ac_cache *self, const char *folder)
{
    ac_status st = AC_OK;
    char *path = NULL;
    json_t *root = NULL;
    json_error_t error;
    const char *model;

    *self = (ac_cache) { 0 };
    AC_TRY(ac_duplicate(&self->folder, folder, strlen(folder)));
    if (asprintf(&path, "%s/manifest.json", folder) < 0)
        AC_TRY(ac_error_set(AC_E_NOMEM, "out of memory for a path"));
    if (access(path, F_OK) != 0)
        AC_TRY(ac_error_set(AC_E_ARG, "%s: not a cache: it has no manifest.json; was its making interrupted? The same command goes on with it", folder));
    if (!(root = json_load_file(path, 0, &error)))
        AC_TRY(ac_error_set(AC_E_FORMAT, "%s:%d: %s", path, error.line, error.text));
    model = json_string_value(json_object_get(root, "model"));
    self->dimension = json_integer_value(json_object_get(root, "dimension"));
    if (json_integer_value(json_object_get(root, "format")) != CACHE_FORMAT || !model || strlen(model) != 32 || self->dimension < 1)
        AC_TRY(ac_error_set(AC_E_FORMAT, "%s: not a cache's manifest of this version", path));
    memcpy(self->model, model, 33);
    AC_TRY(read_shards(self, json_object_get(root, "shards"), path));
    AC_TRY(ac_file_checksum(path, self->fingerprint));
out:
    json_decref(root);
    free(path);
    if (st != AC_OK)
        ac_cache_close(self);
    return st;
}

void
ac_cache_close(ac_cache *self)
{
    free(self->folder);
    free(self->shards);
    *self = (ac_cache) { 0 };
}

ac_status
ac_cache_check_model(const ac_cache *self, const char *model, int64_t dimension)
{
    if (self->dimension != dimension)
        return ac_error_set(AC_E_FORMAT, "%s: its embeddings have %lld numbers, the CLIP model's %lld: use the model that made the cache, or build another",
                            self->folder, (long long) self->dimension, (long long) dimension);
    if (strcmp(self->model, model) != 0)
        return ac_error_set(AC_E_FORMAT, "%s: made by another CLIP model (%s, now %s): use that one, or build another cache", self->folder, self->model, model);
    return AC_OK;
}

static ac_status
read_part(const ac_cache *self, int64_t shard, int64_t from, int64_t rows, float *embeddings, ac_texts *entries)
{
    ac_status st = AC_OK;
    ac_h5_reader r = { 0 };
    ac_texts all = { 0 };
    char *path = NULL, checksum[33];

    AC_TRY(shard_path(&path, self->folder, shard));
    AC_TRY(ac_file_checksum(path, checksum));
    if (strcmp(checksum, self->shards[shard].checksum) != 0)
        AC_TRY(ac_error_set(AC_E_FORMAT, "%s: damaged: not the file that was published; restore it, or build the cache again", path));
    AC_TRY(ac_h5_open(&r, path));
    AC_TRY(ac_h5_read_rows(&r, "embeddings", AC_F32, from, rows, self->dimension, embeddings));
    AC_TRY(ac_h5_read_texts(&r, "entries", &all));
    if (all.count != self->shards[shard].rows)
        AC_TRY(ac_error_set(AC_E_FORMAT, "%s: %lld entries, the manifest says %lld", path, (long long) all.count, (long long) self->shards[shard].rows));
    for (int64_t i = from; i < from + rows; i++)
        AC_TRY(ac_texts_push(entries, ac_texts_at(&all, i), ac_texts_size(&all, i)));
    for (int64_t i = 0; i < rows * self->dimension; i++)
        if (!isfinite(embeddings[i]))
            AC_TRY(ac_error_set(AC_E_FORMAT, "%s: the embedding of entry %lld is not finite", path, (long long) (from + i / self->dimension)));
out:
    ac_h5_close(&r);
    ac_texts_free(&all);
    free(path);
    return st;
}

ac_status
ac_cache_read_slice(const ac_cache *self, int64_t first, int64_t count, float *embeddings, ac_texts *entries)
{
    ac_status st = AC_OK;
    int64_t begin = 0, done = 0;

    ac_texts_reset(entries);
    for (int64_t s = 0; s < self->shard_count && done < count && st == AC_OK; begin += self->shards[s++].rows) {
        const int64_t from = first + done - begin;
        int64_t rows = self->shards[s].rows - from;
        if (rows <= 0)
            continue;
        rows = rows < count - done ? rows : count - done;
        st = read_part(self, s, from, rows, embeddings + done * self->dimension, entries);
        done += rows;
    }
    return st;
}

ac_status
ac_cache_read_entries(const char *path, ac_texts *entries)
{
    ac_status st = AC_OK;
    ac_buffer text = { 0 };
    int64_t line = 0;

    AC_TRY(ac_text_file_read(path, &text));
    for (size_t at = 0; at < text.size;) {
        const char *end = memchr(text.data + at, '\n', text.size - at);
        size_t n = (end ? (size_t) (end - text.data) : text.size) - at, next = at + n + 1;
        line++;
        if (n && text.data[at + n - 1] == '\r')
            n--;
        st = ac_utf8_check(text.data + at, n);
        if (st != AC_OK) {
            ac_error_prefix(st, "%s:%lld", path, (long long) line);
            goto out;
        }
        AC_TRY(ac_texts_push(entries, text.data + at, n));
        at = next;
    }
    if (entries->count == 0)
        AC_TRY(ac_error_set(AC_E_ARG, "%s: no entry in it (one a line)", path));
out:
    ac_buffer_free(&text);
    return st;
}

ac_status
ac_cache_shard_write(const char *folder, int64_t number, const ac_texts *entries, int64_t first, int64_t rows, const float *embeddings,
                     int64_t dimension, ac_compression compression, char checksum[33])
{
    ac_status st = AC_OK;
    ac_h5_writer w = { 0 };
    ac_texts part = { 0 };
    char *path = NULL;

    for (int64_t i = first; i < first + rows; i++)
        AC_TRY(ac_texts_push(&part, ac_texts_at(entries, i), ac_texts_size(entries, i)));
    AC_TRY(shard_path(&path, folder, number));
    AC_TRY(ac_h5_create(&w, path, compression));
    AC_TRY(ac_h5_write_text_attribute(&w, "content", "cache entries"));
    AC_TRY(ac_h5_write_texts(&w, "entries", &part));
    AC_TRY(ac_h5_write(&w, "embeddings", AC_F32, 2, (int64_t[]) { rows, dimension }, embeddings));
    AC_TRY(ac_h5_commit(&w, checksum));
out:
    ac_h5_abandon(&w);
    ac_texts_free(&part);
    free(path);
    return st;
}

ac_status
ac_cache_manifest_write(const char *folder, const char *model, const char *source, int64_t dimension, const ac_cache_shard *shards, int64_t count)
{
    ac_status st = AC_OK;
    ac_buffer b = { 0 };
    char *path = NULL;
    int64_t entries = 0;

    for (int64_t i = 0; i < count; i++)
        entries += shards[i].rows;
    ac_buffer_printf(&b, "{\n  \"format\": %d,\n  \"content\": \"cache\",\n  \"entries\": %lld,\n  \"dimension\": %lld,\n  \"model\": \"%s\",\n  \"source\": ",
                     CACHE_FORMAT, (long long) entries, (long long) dimension, model);
    ac_json_text(&b, source);
    ac_buffer_push_text(&b, ",\n  \"shards\": [");
    for (int64_t i = 0; i < count; i++)
        ac_buffer_printf(&b, "%s\n    {\"rows\": %lld, \"checksum\": \"%s\"}", i ? "," : "", (long long) shards[i].rows, shards[i].checksum);
    AC_TRY(ac_buffer_push_text(&b, "\n  ]\n}\n"));
    if (asprintf(&path, "%s/manifest.json", folder) < 0)
        AC_TRY(ac_error_set(AC_E_NOMEM, "out of memory for a path"));
    st = ac_publish_file(path, b.data, b.size);
out:
    ac_buffer_free(&b);
    free(path);
    return st;
}
