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

/* The slot of a text: that of an equal one, or the free one where it belongs. */
static uint64_t
slot_of(const text_set *self, int64_t number)
{
    const char *bytes, *other;
    size_t n, m;

    text_at(self, number, &bytes, &n);
    for (uint64_t at = XXH3_64bits(bytes, n) & self->mask;; at = (at + 1) & self->mask) {
        if (!self->slots[at])
            return at;
        text_at(self, self->slots[at] - 1, &other, &m);
        if (n == m && memcmp(bytes, other, n) == 0)
            return at;
    }
}

/* Put a text in; false: an equal one is there. */
static bool
put(text_set *self, int64_t number)
{
    const uint64_t at = slot_of(self, number);

    if (self->slots[at])
        return false;
    self->slots[at] = 1 + number;
    return true;
}

/* Room for both lists; `texts` are set. */
static ac_status
set_init(text_set *self)
{
    const int64_t count = self->texts[0]->count + self->texts[1]->count;
    int64_t room = 16;

    while (room < 2 * count)
        room *= 2;
    self->mask = (uint64_t) room - 1;
    return ac_alloc(&self->slots, room, sizeof *self->slots);
}

ac_status
ac_entries_pick_new(const ac_texts *old, const ac_texts *fresh, int64_t *picked, int64_t *count)
{
    text_set set = { .texts = { old, fresh } };
    const ac_status st = set_init(&set);

    if (st != AC_OK)
        return st;
    *count = 0;
    for (int64_t i = 0; i < old->count; i++)
        put(&set, i);
    for (int64_t i = 0; i < fresh->count; i++)
        if (put(&set, old->count + i))
            picked[(*count)++] = i;
    free(set.slots);
    return AC_OK;
}

ac_status
ac_entries_find(const ac_texts *known, const ac_texts *texts, int64_t *found)
{
    text_set set = { .texts = { known, texts } };
    const ac_status st = set_init(&set);

    if (st != AC_OK)
        return st;
    for (int64_t i = 0; i < known->count; i++)
        put(&set, i);
    for (int64_t i = 0; i < texts->count; i++)
        found[i] = set.slots[slot_of(&set, known->count + i)] - 1;
    free(set.slots);
    return AC_OK;
}
