#include "io/source/shard_pool.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "io/file/path.h"

enum { KEPT_OPEN = 4 };

void
ac_shard_pool_free(void *state)
{
    ac_shard_pool *self = state;

    if (!self)
        return;
    for (int64_t i = 0; i < self->slot_count; i++) {
        ac_image_shard_close(&self->slots[i]->shard);
        free(self->slots[i]);
    }
    free(self->slots);
    free(self->starts);
    free(self->contents);
    free(self->folder);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

ac_status
ac_shard_pool_new(ac_shard_pool **out, const char *folder, size_t n, int64_t shard_count)
{
    ac_shard_pool *self = NULL;
    ac_status st = AC_OK;

    *out = NULL;
    AC_TRY(ac_alloc(&self, 1, sizeof *self));
    pthread_mutex_init(&self->lock, NULL);
    self->shard_count = shard_count;
    AC_TRY(ac_duplicate(&self->folder, folder, n));
    AC_TRY(ac_alloc(&self->starts, shard_count + 1, sizeof *self->starts));
    *out = self;
    self = NULL;
out:
    ac_shard_pool_free(self);
    return st;
}

/* ---- open shards ---- */

ac_status
ac_shard_pool_path(const ac_shard_pool *self, int64_t number, char **path)
{
    return ac_path_format(path, "%s/shards/%05lld.h5", self->folder, (long long) number);
}

/* The shard's slot, or an empty one for it: a new one, or the one that nobody has used for the
 * longest time. */
static ac_status
find_slot(ac_shard_pool *self, int64_t number, ac_open_shard **out)
{
    ac_open_shard *oldest = NULL, *made = NULL;
    ac_status st = AC_OK;

    for (int64_t i = 0; i < self->slot_count; i++) {
        ac_open_shard *s = self->slots[i];
        if (s->number == number) {
            *out = s;
            return AC_OK;
        }
        if (s->users == 0 && (!oldest || s->used < oldest->used))
            oldest = s;
    }
    if (oldest && self->slot_count >= KEPT_OPEN) {
        ac_image_shard_close(&oldest->shard);
        oldest->number = -1;
        *out = oldest;
        return AC_OK;
    }
    AC_TRY(
        ac_grow(&self->slots, &self->slot_capacity, self->slot_count + 1, sizeof *self->slots));
    AC_TRY(ac_alloc(&made, 1, sizeof *made));
    made->number = -1;
    *out = self->slots[self->slot_count++] = made;
out:
    return st;
}

static ac_status
fill_slot(ac_shard_pool *self, ac_open_shard *s, int64_t number)
{
    char *path = NULL, found[33];
    ac_status st = AC_OK;

    AC_TRY(ac_shard_pool_path(self, number, &path));
    AC_TRY(
        ac_image_shard_open(&s->shard, path, self->starts[number + 1] - self->starts[number]));
    if (self->contents) {
        ac_image_shard_contents(&s->shard.keys, &s->shard.hashes, found);
        if (strcmp(found, self->contents[number]) != 0)
            AC_FAIL(
                AC_E_FORMAT,
                "%s: holds other images than were ingested there: another shard has been put "
                "in its place, or it is damaged (antarctic verify tells; the same ingest "
                "command makes it again)",
                path);
    }
    s->number = number;
out:
    if (st != AC_OK)
        ac_image_shard_close(&s->shard);
    free(path);
    return st;
}

/* The shard of item i, open until it is released. rest: all of it is wanted.
 * @param[out] row  the item's in the shard */
ac_status
ac_shard_pool_acquire(const void *state, int64_t i, bool rest, ac_open_shard **out,
                      int64_t *row)
{
    ac_shard_pool *self = (ac_shard_pool *) (uintptr_t) state;
    int64_t low = 0, high = self->shard_count - 1;
    ac_open_shard *s = NULL;
    ac_status st;

    while (low < high) { /* the last shard that begins at i or before: empty ones are passed */
        const int64_t middle = high - (high - low) / 2;
        if (self->starts[middle] <= i)
            low = middle;
        else
            high = middle - 1;
    }
    pthread_mutex_lock(&self->lock);
    st = find_slot(self, low, &s);
    if (st == AC_OK && s->number != low)
        st = fill_slot(self, s, low);
    if (st == AC_OK && rest)
        st = ac_image_shard_read_rest(&s->shard);
    if (st == AC_OK) {
        s->users++;
        s->used = ++self->clock;
        *out = s;
        *row = i - self->starts[low];
    }
    pthread_mutex_unlock(&self->lock);
    return st;
}

void
ac_shard_pool_release(const void *state, ac_open_shard *s)
{
    ac_shard_pool *self = (ac_shard_pool *) (uintptr_t) state;

    pthread_mutex_lock(&self->lock);
    s->users--;
    pthread_mutex_unlock(&self->lock);
}
