#include "jobs/caption/equal_items.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "io/file/publish.h"
#include "io/hdf5/shard_file.h"
#include "jobs/caption/stages.h"

enum { BUCKETS = 4096, HASH_DIGITS = 32, BEATS = 65536 };

/* Pages from PAGES on share with nothing; such files are none that people have. */
static const int64_t ITEMS = (int64_t) 1 << 40, PAGES = (int64_t) 1 << 22;

typedef struct known {
    uint64_t hash[2];
    int64_t where; /* page * ITEMS + item */
} known;

/* ---- sorting in place ---- */

/* Elements of the array, by a number that grows with their order. */
typedef struct sorter {
    unsigned char *array;
    size_t size; /* of an element; at most sizeof(known) */
    int64_t limit;
    int64_t (*bucket)(const void *element, int64_t limit); /* in [0, BUCKETS) */
    int (*compare)(const void *a, const void *b);
} sorter;

/* qsort alone may take as much memory again. Elements go to their buckets by exchanges, and
 * each bucket is sorted by itself. */
static ac_status
sort(const sorter *self, int64_t n)
{
    int64_t *next = NULL, *end = NULL, from = 0;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&next, BUCKETS, sizeof *next));
    AC_TRY(ac_alloc(&end, BUCKETS, sizeof *end));
    for (int64_t i = 0; i < n; i++)
        end[self->bucket(self->array + (size_t) i * self->size, self->limit)]++;
    for (int b = 0; b < BUCKETS; b++) {
        next[b] = from;
        from = end[b] += from;
    }
    for (int b = 0; b < BUCKETS; b++)
        while (next[b] < end[b]) {
            unsigned char *here = self->array + (size_t) next[b] * self->size, *there;
            const int64_t home = self->bucket(here, self->limit);
            unsigned char held[sizeof(known)];
            if (home == b) {
                next[b]++;
                continue;
            }
            there = self->array + (size_t) next[home]++ * self->size;
            memcpy(held, here, self->size);
            memcpy(here, there, self->size);
            memcpy(there, held, self->size);
        }
    from = 0;
    for (int b = 0; b < BUCKETS; b++) {
        qsort(self->array + (size_t) from * self->size, (size_t) (end[b] - from), self->size,
              self->compare);
        from = end[b];
    }
out:
    free(next);
    free(end);
    return st;
}

static int64_t
bucket_of_hash(const void *element, int64_t limit)
{
    (void) limit;
    return (int64_t) (((const known *) element)->hash[0] >> 52); /* 12 bits */
}

static int
compare_known(const void *a, const void *b)
{
    const known *x = a, *y = b;

    if (x->hash[0] != y->hash[0])
        return x->hash[0] < y->hash[0] ? -1 : 1;
    if (x->hash[1] != y->hash[1])
        return x->hash[1] < y->hash[1] ? -1 : 1;
    return (x->where > y->where) - (x->where < y->where);
}

static int64_t
bucket_of_item(const void *element, int64_t limit)
{
    const ac_equal_item *e = element;

    return (int64_t) ((double) e->item / (double) limit * BUCKETS);
}

static int
compare_items(const void *a, const void *b)
{
    const ac_equal_item *x = a, *y = b;

    return (x->item > y->item) - (x->item < y->item);
}

/* ---- the list, rank 0 ---- */

static bool
parse_hash(const char *hex, uint64_t hash[2])
{
    char half[HASH_DIGITS / 2 + 1] = "";

    if (strlen(hex) != HASH_DIGITS)
        return false;
    for (int i = 0; i < 2; i++) {
        memcpy(half, hex + i * HASH_DIGITS / 2, HASH_DIGITS / 2);
        hash[i] = strtoull(half, NULL, 16);
    }
    return true;
}

static ac_status
read_hashes(known *all, int64_t *n, const ac_run *run, const ac_image_source *images)
{
    char hex[HASH_DIGITS + 1];
    ac_status st = AC_OK;

    for (int64_t i = 0; i < images->count && i < ITEMS; i++) {
        int64_t page;
        if (i % BEATS == 0)
            ac_heartbeat_beat(run->comm->heartbeat);
        AC_TRY(ac_image_source_hash(images, i, hex));
        page = ac_image_source_page(images, i);
        if (page < PAGES && parse_hash(hex, all[*n].hash))
            all[(*n)++].where = page * ITEMS + i;
    }
out:
    return st;
}

/* Groups of two and more, in place: a group's list is never longer than what it was made of. */
static int64_t
gather_groups(known *all, int64_t n)
{
    int64_t count = 0;

    for (int64_t from = 0, to; from < n; from = to) {
        const int64_t first = all[from].where % ITEMS, page = all[from].where / ITEMS;
        for (to = from + 1; to < n && all[to].hash[0] == all[from].hash[0] &&
                            all[to].hash[1] == all[from].hash[1] &&
                            all[to].where / ITEMS == page;)
            to++;
        for (int64_t i = from; to - from > 1 && i < to; i++) {
            const ac_equal_item e = { all[i].where % ITEMS, first };
            memcpy((char *) all + (size_t) count++ * sizeof e, &e, sizeof e);
        }
    }
    return count;
}

static ac_status
write_list(const ac_run *run, const ac_image_source *images, const char *path)
{
    known *all = NULL;
    int64_t n = 0, count;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&all, images->count, sizeof *all));
    AC_TRY(read_hashes(all, &n, run, images));
    AC_TRY(sort(&(sorter){ .array = (unsigned char *) all,
                           .size = sizeof *all,
                           .bucket = bucket_of_hash,
                           .compare = compare_known },
                n));
    count = gather_groups(all, n);
    AC_TRY(sort(&(sorter){ .array = (unsigned char *) all,
                           .size = sizeof(ac_equal_item),
                           .limit = images->count,
                           .bucket = bucket_of_item,
                           .compare = compare_items },
                count));
    st = ac_publish_file(path, all, (size_t) count * sizeof(ac_equal_item));
out:
    free(all);
    return st;
}

ac_status
ac_equal_items_open_all(ac_equal_items *self, const ac_run *run, const ac_image_source *images)
{
    char *path = NULL;
    ac_status st = AC_OK;

    *self = (ac_equal_items){ .known = images->type && images->type->hash };
    if (!self->known)
        return AC_OK;
    st = ac_run_path(run, &path, "journal/%sequal.items", run->prefix);
    if (st == AC_OK && run->comm->rank == 0)
        st = write_list(run, images, path);
    AC_TRY(ac_agree_all(run->comm, st));
    st = ac_run_await(run, path);
    if (st == AC_OK)
        st = ac_map_open(&self->map, path);
    AC_TRY(ac_agree_all(run->comm, st));
    self->list = (const ac_equal_item *) (const void *) self->map.data;
    self->count = (int64_t) (self->map.size / sizeof *self->list);
out:
    free(path);
    return st;
}

void
ac_equal_items_close(ac_equal_items *self)
{
    ac_map_close(&self->map);
    *self = (ac_equal_items){ 0 };
}

/* ---- asking ---- */

/* How many listed items are below `item`. */
static int64_t
place_of(const ac_equal_items *self, int64_t item)
{
    int64_t low = 0, high = self->count;

    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (self->list[middle].item < item)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const ac_equal_item *
ac_equal_items_range(const ac_equal_items *self, int64_t first, int64_t count, int64_t *n)
{
    const int64_t from = place_of(self, first);

    *n = place_of(self, first + count) - from;
    return *n ? self->list + from : NULL;
}

/* Of the shard's listed items, good[their first one's place] counts those that have a row.
 * Items and rejected keys are both in the order of keys; keys of items that left are "". */
static ac_status
count_good(const ac_equal_items *self, const ac_run *run, const ac_image_source *images,
           int64_t shard, int64_t *good)
{
    int64_t first, count, n, at = 0;
    const ac_equal_item *items;
    ac_texts rejected = { 0 };
    ac_buffer key = { 0 };
    ac_h5_reader h5 = { 0 };
    char *path = NULL;
    ac_status st = AC_OK;

    ac_run_shard_items(run, shard, &first, &count);
    items = ac_equal_items_range(self, first, count, &n);
    if (n && run->manifest.stages[AC_STAGE_EMBED].shards[shard].bad) {
        AC_TRY(ac_run_published_shard(run, AC_STAGE_EMBED, shard, &path));
        AC_TRY(ac_h5_open(&h5, path));
        AC_TRY(ac_shard_read_texts(&h5, AC_EMBED_REJECTED_KEYS, &rejected));
    }
    for (int64_t i = 0; i < n; i++) {
        if (rejected.count)
            AC_TRY(ac_image_source_key(images, items[i].item, &key));
        while (at < rejected.count &&
               ac_bytes_compare(ac_texts_at(&rejected, at), ac_texts_size(&rejected, at),
                                key.data, key.size) < 0)
            at++;
        if (at == rejected.count || !ac_texts_is(&rejected, at, key.data, key.size))
            good[place_of(self, items[i].first)]++;
    }
out:
    ac_h5_close(&h5);
    ac_texts_free(&rejected);
    ac_buffer_free(&key);
    free(path);
    return st;
}

/* What the shards say of themselves. */
static ac_status
count_within_shards(const ac_run *run, int64_t *count)
{
    char *path = NULL;
    ac_status st = AC_OK;

    *count = 0;
    for (int64_t s = 0; s < run->manifest.shard_count; s++) {
        ac_h5_reader h5 = { 0 };
        int64_t n;
        free(path);
        AC_TRY(ac_run_published_shard(run, AC_STAGE_EMBED, s, &path));
        AC_TRY(ac_h5_open(&h5, path));
        if (ac_shard_read_int_attribute(&h5, AC_EMBED_EQUAL, &n) == AC_OK)
            *count += n;
        ac_h5_close(&h5);
    }
out:
    free(path);
    return st;
}

ac_status
ac_equal_items_count(const ac_equal_items *self, const ac_run *run,
                     const ac_image_source *images, int64_t *count)
{
    int64_t *good = NULL;
    ac_status st = AC_OK;

    *count = 0;
    if (!self->known)
        return count_within_shards(run, count);
    AC_TRY(ac_alloc(&good, self->count, sizeof *good));
    for (int64_t s = 0; self->count && s < run->manifest.shard_count; s++)
        AC_TRY(count_good(self, run, images, s, good));
    for (int64_t i = 0; i < self->count; i++)
        *count += good[i] > 1 ? good[i] - 1 : 0;
out:
    free(good);
    return st;
}
