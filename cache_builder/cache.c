#include "cache_builder/cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "io/file/checksum.h"

void
ac_cache_close(ac_cache *self)
{
    for (int64_t i = 0; i < self->source_count; i++)
        free(self->sources[i].path);
    free(self->folder);
    free(self->model_path);
    free(self->prefix);
    free(self->shards);
    free(self->sources);
    *self = (ac_cache){ 0 };
}

ac_status
ac_cache_identity_set(ac_cache *self, const char *model, const char *model_path,
                      const char *prefix, int64_t dimension)
{
    ac_status st = AC_OK;

    self->dimension = dimension;
    snprintf(self->model, sizeof self->model, "%s", model);
    AC_TRY(ac_duplicate(&self->model_path, model_path, strlen(model_path)));
    AC_TRY(ac_duplicate(&self->prefix, prefix, strlen(prefix)));
out:
    return st;
}

ac_status
ac_cache_check_model(const ac_cache *self, const char *model, const char *model_path,
                     int64_t dimension)
{
    if (self->dimension != dimension)
        return ac_error_set(
            AC_E_FORMAT,
            "%s: its embeddings have %lld values, those of the CLIP model %s have %lld: use "
            "the model that made the cache (%s), or build another cache",
            self->folder, (long long) self->dimension, model_path, (long long) dimension,
            self->model_path);
    if (strcmp(self->model, model) != 0)
        return ac_error_set(AC_E_FORMAT,
                            "%s: made by another CLIP model (%s, fingerprint %s) than %s "
                            "(fingerprint %s): use that one, or build "
                            "another cache",
                            self->folder, self->model_path, self->model, model_path, model);
    return AC_OK;
}

ac_status
ac_cache_check_same(const ac_cache *self, const ac_cache *other)
{
    const ac_status st =
        ac_cache_check_model(self, other->model, other->model_path, other->dimension);

    if (st != AC_OK)
        return ac_error_prefix(st, "%s cannot join",
                               other->folder ? other->folder : "the new entries");
    if (strcmp(self->prefix, other->prefix) != 0)
        return ac_error_set(AC_E_FORMAT,
                            "%s: its entries were embedded with the prefix \"%s\", %s with "
                            "\"%s\": one cache has one prefix "
                            "(ngrams.prefix)",
                            self->folder, self->prefix,
                            other->folder ? other->folder : "the new ones", other->prefix);
    return AC_OK;
}

/* The fingerprint of what a search sees: model, prefix, width, and every shard. */
static ac_status
set_fingerprint(ac_cache *self)
{
    ac_buffer b = { 0 };
    ac_status st;

    ac_buffer_printf(&b, "%s\n%lld\n%s", self->model, (long long) self->dimension,
                     self->prefix);
    for (int64_t i = 0; i < self->shard_count; i++)
        ac_buffer_printf(&b, "\n%lld %s", (long long) self->shards[i].rows,
                         self->shards[i].checksum);
    if ((st = b.status) == AC_OK)
        ac_checksum_bytes(b.data, b.size, self->fingerprint);
    ac_buffer_free(&b);
    return st;
}

ac_status
ac_cache_add_shards(ac_cache *self, const ac_cache_shard *shards, int64_t count)
{
    ac_status st = ac_grow(&self->shards, &self->shard_room, self->shard_count + count,
                           sizeof *self->shards);

    if (st != AC_OK)
        return st;
    for (int64_t i = 0; i < count; i++) {
        self->shards[self->shard_count++] = shards[i];
        self->entries += shards[i].rows;
    }
    return set_fingerprint(self);
}

ac_status
ac_cache_add_source(ac_cache *self, const ac_cache_source *source)
{
    char *path = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_grow(&self->sources, &self->source_room, self->source_count + 1,
                   sizeof *self->sources));
    AC_TRY(ac_duplicate(&path, source->path, strlen(source->path)));
    self->sources[self->source_count] = *source;
    self->sources[self->source_count++].path = path;
out:
    return st;
}
