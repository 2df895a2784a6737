#include "cache_builder/mining/ngram_merge.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "engine/base/memory.h"

enum { FIRST_SLOTS = 1024 };

/* The slot where the key is, or would be. */
static int64_t
find_slot(const ac_ngram_merge *self, const char *key, uint32_t key_bytes, uint64_t hash)
{
    int64_t at = (int64_t) (hash & (uint64_t) (self->slot_room - 1));

    for (; self->slots[at]; at = (at + 1) & (self->slot_room - 1)) {
        const ac_ngram_sum *s = &self->sums[self->slots[at] - 1];
        if (s->tag == (uint32_t) (hash >> 32) && s->key_bytes == key_bytes &&
            memcmp(self->keys.data + s->offset, key, key_bytes) == 0)
            break;
    }
    return at;
}

static ac_status
grow_slots(ac_ngram_merge *self)
{
    const int64_t room = self->slot_room ? 2 * self->slot_room : FIRST_SLOTS;
    uint32_t *slots = NULL;
    ac_status st = ac_alloc(&slots, room, sizeof *slots);

    for (int64_t i = 0; st == AC_OK && i < self->count; i++) {
        const ac_ngram_sum *s = &self->sums[i];
        int64_t at = (int64_t) (XXH3_64bits(self->keys.data + s->offset, s->key_bytes) &
                                (uint64_t) (room - 1));
        while (slots[at])
            at = (at + 1) & (room - 1);
        slots[at] = (uint32_t) i + 1;
    }
    if (st == AC_OK) {
        free(self->slots);
        self->slots = slots;
        self->slot_room = room;
    }
    return st;
}

static ac_status
add_record(ac_ngram_merge *self, const ac_ngram_record *r)
{
    const uint64_t hash = XXH3_64bits(r->key, r->key_bytes);
    ac_ngram_sum *s;
    int64_t at;
    ac_status st = AC_OK;

    if (self->count >= self->slot_room / 8 * 5)
        AC_TRY(grow_slots(self));
    at = find_slot(self, r->key, r->key_bytes, hash);
    if (self->slots[at]) {
        s = &self->sums[self->slots[at] - 1];
        s->count += r->count;
        s->first = r->first < s->first ? r->first : s->first;
        goto out;
    }
    if (self->count >= UINT32_MAX - 1)
        AC_FAIL(AC_E_LIMIT,
                "more than 4 billion n-grams to merge at once; lower limits.memory");
    AC_TRY(ac_grow(&self->sums, &self->capacity, self->count + 1, sizeof *self->sums));
    self->sums[self->count] = (ac_ngram_sum){ r->count, r->first, self->keys.size, r->key_bytes,
                                              (uint32_t) (hash >> 32) };
    AC_TRY(ac_buffer_push(&self->keys, r->key, r->key_bytes));
    self->slots[at] = (uint32_t) ++self->count;
out:
    return st;
}

ac_status
ac_ngram_merge_add(ac_ngram_merge *self, const char *records, size_t n)
{
    ac_ngram_record r;
    ac_status st = AC_OK;

    for (size_t at = 0; at < n && st == AC_OK;) {
        ac_ngram_record_read(&r, records, &at);
        st = add_record(self, &r);
    }
    return st;
}

const ac_ngram_sum *
ac_ngram_merge_find(const ac_ngram_merge *self, const char *key, uint32_t key_bytes)
{
    uint32_t number;

    if (self->count == 0)
        return NULL;
    number = self->slots[find_slot(self, key, key_bytes, XXH3_64bits(key, key_bytes))];
    return number ? &self->sums[number - 1] : NULL;
}

void
ac_ngram_merge_reset(ac_ngram_merge *self)
{
    if (self->slots)
        memset(self->slots, 0, (size_t) self->slot_room * sizeof *self->slots);
    ac_buffer_reset(&self->keys);
    self->count = 0;
}

void
ac_ngram_merge_free(ac_ngram_merge *self)
{
    free(self->sums);
    free(self->slots);
    ac_buffer_free(&self->keys);
    *self = (ac_ngram_merge){ 0 };
}
