/* The cache in its folder's manifest.json: reading it, and publishing it beside what else the
 * file holds. */
#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache_builder/cache.h"
#include "engine/base/memory.h"
#include "io/file/file_look.h"
#include "io/file/json_file.h"
#include "io/file/json_value.h"
#include "io/file/path.h"
#include "io/file/publish.h"

enum { CACHE_FORMAT = 2 };

/* ---- reading ---- */

static ac_status
read_shards(ac_cache *self, const json_t *list, const char *path)
{
    ac_cache_shard *shards = NULL;
    const json_t *item;
    size_t i;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&shards, (int64_t) json_array_size(list), sizeof *shards));
    json_array_foreach(list, i, item)
    {
        const char *checksum = json_string_value(json_object_get(item, "checksum"));
        const json_t *count = json_object_get(item, "rows");
        const json_int_t rows = json_integer_value(count);
        if (!checksum || strlen(checksum) != 32 || !json_is_integer(count) || rows < 0 ||
            rows > INT32_MAX)
            AC_FAIL(AC_E_FORMAT, "%s: shard %zu has no rows or checksum", path, i);
        shards[i].rows = rows;
        memcpy(shards[i].checksum, checksum, 33);
    }
    AC_TRY(ac_cache_add_shards(self, shards, (int64_t) json_array_size(list)));
out:
    free(shards);
    return st;
}

static void
copy_text(char *out, size_t size, const json_t *item, const char *key)
{
    const char *text = json_string_value(json_object_get(item, key));

    snprintf(out, size, "%s", text ? text : "");
}

static ac_status
read_sources(ac_cache *self, const json_t *list)
{
    const json_t *item;
    size_t i;

    json_array_foreach(list, i, item)
    {
        const char *path = json_string_value(json_object_get(item, "path"));
        char none[] = "";
        ac_cache_source s = { .path = path ? (char *) (uintptr_t) path
                                           : none }; /* copied by ac_cache_add_source */
        ac_status st;
        copy_text(s.kind, sizeof s.kind, item, "kind");
        copy_text(s.input, sizeof s.input, item, "input");
        copy_text(s.before, sizeof s.before, item, "before");
        s.entries = json_integer_value(json_object_get(item, "entries"));
        s.duplicates = json_integer_value(json_object_get(item, "duplicates"));
        s.cut = json_integer_value(json_object_get(item, "cut"));
        s.positions = json_integer_value(json_object_get(item, "positions"));
        s.positions_alone = json_integer_value(json_object_get(item, "positions_alone"));
        s.positions_padded = json_integer_value(json_object_get(item, "positions_padded"));
        st = ac_cache_add_source(self, &s);
        if (st != AC_OK)
            return st;
    }
    return AC_OK;
}

static ac_status
read_cache(ac_cache *self, const json_t *root, const char *path)
{
    const json_t *cache = json_object_get(root, "cache");
    const char *model = json_string_value(json_object_get(cache, "model"));
    const char *model_path = json_string_value(json_object_get(cache, "model_path"));
    const char *prefix = json_string_value(json_object_get(cache, "prefix"));
    const int64_t dimension = json_integer_value(json_object_get(cache, "dimension"));
    ac_status st = AC_OK;

    if (!json_is_object(cache) && json_is_array(json_object_get(root, "stages")))
        return ac_error_set(AC_E_FORMAT,
                            "%s: the cache in this folder is half built: its run was "
                            "interrupted; the same command resumes it",
                            path);
    if (json_integer_value(json_object_get(cache, "format")) != CACHE_FORMAT || !model ||
        strlen(model) != 32 || !model_path || !prefix || dimension < 1 || dimension > INT32_MAX)
        return ac_error_set(AC_E_FORMAT, "%s: not a cache's manifest of this version", path);
    AC_TRY(ac_cache_identity_set(self, model, model_path, prefix, dimension));
    AC_TRY(read_shards(self, json_object_get(cache, "shards"), path));
    AC_TRY(read_sources(self, json_object_get(cache, "sources")));
    if (self->entries != json_integer_value(json_object_get(cache, "entries")))
        st = ac_error_set(AC_E_FORMAT,
                          "%s: its shards have %lld entries, but \"entries\" says %lld", path,
                          (long long) self->entries,
                          (long long) json_integer_value(json_object_get(cache, "entries")));
out:
    return st;
}

/* FOLDER, or FOLDER/cache where only that one has a manifest with a cache in it. */
static ac_status
find_folder(char **out, const char *folder)
{
    char *inner = NULL, *manifest = NULL;
    bool found;
    ac_status st = AC_OK;

    AC_TRY(ac_path_format(&inner, "%s/cache", folder));
    AC_TRY(ac_path_format(&manifest, "%s/manifest.json", inner));
    found = ac_file_is_there(manifest);
    if (!found && errno != ENOENT && errno != ENOTDIR)
        AC_FAIL(ac_io_failure(errno), "%s: cannot be accessed: %s", manifest, strerror(errno));
    AC_TRY(ac_duplicate(out, found ? inner : folder, strlen(found ? inner : folder)));
out:
    free(inner);
    free(manifest);
    return st;
}

ac_status
ac_cache_open(ac_cache *self, const char *folder)
{
    ac_status st = AC_OK;
    char *path = NULL;
    json_t *root = NULL;

    *self = (ac_cache){ 0 };
    AC_TRY(find_folder(&self->folder, folder));
    AC_TRY(ac_path_format(&path, "%s/manifest.json", self->folder));
    if (!ac_file_is_readable(path))
        AC_TRY(errno == ENOENT
                   ? ac_error_set(AC_E_FORMAT,
                                  "%s: not a cache: it has no manifest.json; was its build "
                                  "interrupted? The same command resumes it",
                                  folder)
                   : ac_error_set(ac_io_failure(errno), "%s: cannot be read: %s", path,
                                  strerror(errno)));
    AC_TRY(ac_json_file_read(&root, path, 0));
    AC_TRY(read_cache(self, root, path));
out:
    json_decref(root);
    free(path);
    if (st != AC_OK)
        ac_cache_close(self);
    return st;
}

/* ---- publishing ---- */

static json_t *
sources_json(const ac_cache *self)
{
    json_t *list = json_array();

    for (int64_t i = 0; i < self->source_count; i++) {
        const ac_cache_source *s = &self->sources[i];
        json_array_append_new(
            list, json_pack("{s:s, s:o, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "kind",
                            s->kind, "path", ac_json_text_value(s->path), "input", s->input,
                            "before", s->before, "entries", (json_int_t) s->entries,
                            "duplicates", (json_int_t) s->duplicates, "cut",
                            (json_int_t) s->cut, "positions", (json_int_t) s->positions,
                            "positions_alone", (json_int_t) s->positions_alone,
                            "positions_padded", (json_int_t) s->positions_padded));
    }
    return list;
}

static json_t *
shards_json(const ac_cache *self)
{
    json_t *list = json_array();

    for (int64_t i = 0; i < self->shard_count; i++)
        json_array_append_new(list,
                              json_pack("{s:I, s:s}", "rows", (json_int_t) self->shards[i].rows,
                                        "checksum", self->shards[i].checksum));
    return list;
}

ac_status
ac_cache_save(const ac_cache *self, const char *folder)
{
    ac_status st = AC_OK;
    char *path = NULL, *text = NULL;
    json_t *root = NULL, *cache = NULL;

    AC_TRY(ac_path_format(&path, "%s/manifest.json", folder));
    if (ac_file_is_there(path))
        AC_TRY(ac_json_file_read(&root, path, 0));
    else
        root = json_object();
    cache = json_pack("{s:i, s:I, s:I, s:s, s:o, s:s, s:o, s:o}", "format", CACHE_FORMAT,
                      "entries", (json_int_t) self->entries, "dimension",
                      (json_int_t) self->dimension, "model", self->model, "model_path",
                      ac_json_text_value(self->model_path), "prefix", self->prefix, "sources",
                      sources_json(self), "shards", shards_json(self));
    if (!cache || json_object_set_new(root, "cache", cache) != 0)
        AC_FAIL(AC_E_FORMAT,
                "%s: cannot be written: out of memory, or a prefix that is not UTF-8", path);
    if (!(text = json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(9))))
        AC_FAIL(AC_E_NOMEM, "%s: out of memory", path);
    st = ac_publish_file(path, text, strlen(text));
out:
    json_decref(root);
    free(text);
    free(path);
    return st;
}
