#include "jobs/caption/entry_texts.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

ac_status
ac_entry_texts_pack(const ac_entry_slice *self, const int64_t *ids, int64_t n,
                    const ac_texts *entries, ac_buffer *out)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t at = ids[i] - self->first;
        int32_t length;
        if (ids[i] < 0 || at < 0 || at >= self->count)
            continue;
        length = (int32_t) ac_texts_size(entries, at);
        ac_buffer_push(out, &length, sizeof length);
        ac_buffer_push(out, ac_texts_at(entries, at), (size_t) length);
    }
    return out->status;
}

static int64_t
owner_of(const ac_entry_slice *self, int64_t id)
{
    int64_t owner = id * self->ranks / self->total;

    while (id < self->total * owner / self->ranks)
        owner--;
    while (id >= self->total * (owner + 1) / self->ranks)
        owner++;
    return owner;
}

ac_status
ac_entry_texts_unpack(const ac_entry_slice *self, const int64_t *ids, int64_t n,
                      const char *all, const int64_t *bounds, ac_texts *entries)
{
    ac_status st = AC_OK;
    int64_t *cursor = NULL;

    AC_TRY(ac_alloc(&cursor, self->ranks, sizeof *cursor));
    memcpy(cursor, bounds, (size_t) self->ranks * sizeof *cursor);
    for (int64_t i = 0; i < n; i++) {
        int64_t owner;
        int32_t length;
        if (ids[i] < 0) {
            AC_TRY(ac_texts_push(entries, "", 0));
            continue;
        }
        owner = owner_of(self, ids[i]);
        memcpy(&length, all + cursor[owner], sizeof length);
        AC_TRY(ac_texts_push(entries, all + cursor[owner] + sizeof length, (size_t) length));
        cursor[owner] += (int64_t) sizeof length + length;
    }
out:
    free(cursor);
    return st;
}
