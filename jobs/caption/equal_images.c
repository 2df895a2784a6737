#include "jobs/caption/equal_images.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

enum { HASH_DIGITS = 32, INDEX_DIGITS = 15 };

typedef struct ac_equal_image {
    char hash[HASH_DIGITS];
    int64_t page, value, next; /* next: of the same bucket, as in buckets */
} entry;

ac_status
ac_equal_images_init(ac_equal_images *self, int64_t capacity)
{
    ac_status st = AC_OK;

    *self = (ac_equal_images){ .capacity = capacity, .mask = 1 };
    while ((int64_t) self->mask < capacity)
        self->mask = self->mask << 1 | 1;
    AC_TRY(ac_alloc(&self->buckets, (int64_t) self->mask + 1, sizeof *self->buckets));
    st = ac_alloc(&self->entries, capacity, sizeof *self->entries);
out:
    return st;
}

void
ac_equal_images_free(ac_equal_images *self)
{
    free(self->buckets);
    free(self->entries);
    *self = (ac_equal_images){ 0 };
}

void
ac_equal_images_reset(ac_equal_images *self)
{
    memset(self->buckets, 0, (size_t) (self->mask + 1) * sizeof *self->buckets);
    self->count = 0;
}

/* The hash is a good one, so its first digits are as good as any. */
static int64_t *
bucket_of(const ac_equal_images *self, const char *hash)
{
    char digits[INDEX_DIGITS + 1] = "";

    memcpy(digits, hash, INDEX_DIGITS);
    return &self->buckets[strtoull(digits, NULL, 16) & self->mask];
}

static entry *
find_entry(const ac_equal_images *self, const char *hash, int64_t page)
{
    for (int64_t at = *bucket_of(self, hash); at; at = self->entries[at - 1].next) {
        entry *e = &self->entries[at - 1];
        if (e->page == page && memcmp(e->hash, hash, HASH_DIGITS) == 0)
            return e;
    }
    return NULL;
}

int64_t
ac_equal_images_find(const ac_equal_images *self, const char *hash, int64_t page)
{
    const entry *e = find_entry(self, hash, page);

    return e ? e->value : -1;
}

void
ac_equal_images_set(ac_equal_images *self, const char *hash, int64_t page, int64_t value)
{
    entry *e = find_entry(self, hash, page);
    int64_t *bucket;

    if (!e) {
        AC_CHECK(self->count < self->capacity);
        bucket = bucket_of(self, hash);
        e = &self->entries[self->count++];
        *e = (entry){ .page = page, .next = *bucket };
        memcpy(e->hash, hash, HASH_DIGITS);
        *bucket = self->count;
    }
    e->value = value;
}
