#include "cache_builder/cache_set.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "io/file/checksum.h"

void
ac_cache_set_close(ac_cache_set *self)
{
    for (int64_t i = 0; i < self->count; i++)
        ac_cache_close(&self->caches[i]);
    free(self->caches);
    free(self->first);
    *self = (ac_cache_set){ 0 };
}

static ac_status
set_fingerprint(ac_cache_set *self)
{
    ac_buffer b = { 0 };
    ac_status st = AC_OK;

    if (self->count == 1) {
        memcpy(self->fingerprint, self->caches[0].fingerprint, sizeof self->fingerprint);
        return AC_OK;
    }
    for (int64_t i = 0; i < self->count; i++)
        ac_buffer_printf(&b, "%s\n", self->caches[i].fingerprint);
    if ((st = b.status) == AC_OK)
        ac_checksum_bytes(b.data, b.size, self->fingerprint);
    ac_buffer_free(&b);
    return st;
}

ac_status
ac_cache_set_add_take(ac_cache_set *self, ac_cache *cache)
{
    ac_status st = AC_OK;

    AC_TRY(ac_grow(&self->caches, &self->room, self->count + 1, sizeof *self->caches));
    AC_TRY(ac_grow(&self->first, &self->first_room, self->count + 1, sizeof *self->first));
    self->first[self->count] = self->entries;
    self->caches[self->count++] = *cache;
    self->entries += cache->entries;
    self->dimension = cache->dimension;
    *cache = (ac_cache){ 0 };
    st = set_fingerprint(self);
out:
    ac_cache_close(cache);
    return st;
}

int64_t
ac_cache_set_find(const ac_cache_set *self, int64_t id)
{
    int64_t i = self->count - 1;

    while (i > 0 && id < self->first[i])
        i--;
    return i;
}

static ac_status
append(ac_texts *out, const ac_texts *more)
{
    ac_status st = AC_OK;

    for (int64_t i = 0; i < more->count && st == AC_OK; i++)
        st = ac_texts_push(out, ac_texts_at(more, i), ac_texts_size(more, i));
    return st;
}

ac_status
ac_cache_set_read_slice(const ac_cache_set *self, int64_t first, int64_t count,
                        float *embeddings, ac_texts *entries)
{
    ac_texts part = { 0 };
    ac_status st = AC_OK;

    if (self->count == 1)
        return ac_cache_read_slice(&self->caches[0], first, count, embeddings, entries);
    if (entries)
        ac_texts_reset(entries);
    for (int64_t i = 0; i < self->count; i++) {
        const int64_t begin = self->first[i], end = begin + self->caches[i].entries,
                      from = first > begin ? first : begin,
                      to = first + count < end ? first + count : end;
        if (from >= to)
            continue;
        AC_TRY(ac_cache_read_slice(&self->caches[i], from - begin, to - from,
                                   embeddings ? embeddings + (from - first) * self->dimension
                                              : NULL,
                                   entries ? &part : NULL));
        if (entries)
            AC_TRY(append(entries, &part));
    }
out:
    ac_texts_free(&part);
    return st;
}
