/* A set of texts by open addressing: slots hold the numbers of texts, hashes decide where to
 * look, bytes decide. */
#include "cache_builder/duplicates.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "engine/base/memory.h"

typedef struct text_set {
    const ac_texts *texts[2]; /* old, fresh */
    int64_t *slots;           /* 0: free; else 1 + number, fresh ones counted on from the old */
    uint64_t mask;
} text_set;

static void
text_at(const text_set *self, int64_t number, const char **bytes, size_t *n)
{
    const bool fresh = number >= self->texts[0]->count;
    const ac_texts *t = self->texts[fresh];
    const int64_t i = fresh ? number - self->texts[0]->count : number;

    *bytes = ac_texts_at(t, i);
    *n = ac_texts_size(t, i);
}

/* Put a text in; false: an equal one is there. */
static bool
put(text_set *self, int64_t number)
{
    const char *bytes, *other;
    size_t n, m;

    text_at(self, number, &bytes, &n);
    for (uint64_t at = XXH3_64bits(bytes, n) & self->mask;; at = (at + 1) & self->mask) {
        if (!self->slots[at]) {
            self->slots[at] = 1 + number;
            return true;
        }
        text_at(self, self->slots[at] - 1, &other, &m);
        if (n == m && memcmp(bytes, other, n) == 0)
            return false;
    }
}

ac_status
ac_entries_pick_new(const ac_texts *old, const ac_texts *fresh, int64_t *picked, int64_t *count)
{
    text_set set = { .texts = { old, fresh } };
    int64_t room = 16;
    ac_status st;

    while (room < 2 * (old->count + fresh->count))
        room *= 2;
    st = ac_alloc(&set.slots, room, sizeof *set.slots);
    if (st != AC_OK)
        return st;
    set.mask = (uint64_t) room - 1;
    *count = 0;
    for (int64_t i = 0; i < old->count; i++)
        put(&set, i);
    for (int64_t i = 0; i < fresh->count; i++)
        if (put(&set, old->count + i))
            picked[(*count)++] = i;
    free(set.slots);
    return AC_OK;
}
