#include "jobs/caption/equal_rows.h"

#include <stdlib.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "io/file/file_look.h"

static int64_t
shard_of(const ac_equal_rows *self, int64_t item)
{
    return item / self->run->manifest.shard_items;
}

static bool
is_earlier(const ac_equal_rows *self, const ac_equal_item *e)
{
    return e->first < self->first;
}

bool
ac_equal_rows_any(const ac_equal_rows *self)
{
    int64_t n = 0;
    const ac_equal_item *items =
        self->items ? ac_equal_items_range(self->items, self->first, self->count, &n) : NULL;

    for (int64_t i = 0; i < n; i++)
        if (is_earlier(self, &items[i]))
            return true;
    return false;
}

static int
compare_first(const void *a, const void *b)
{
    const ac_equal_item *x = a, *y = b;

    return x->first != y->first ? (x->first > y->first) - (x->first < y->first)
                                : (x->item > y->item) - (x->item < y->item);
}

/* Is the shard's file one that may be read? Of another part's shards only those that were
 * compared with their checksums when the run was opened. */
static bool
is_there(const ac_equal_rows *self, int64_t shard, const char *path)
{
    const ac_run *run = self->run;
    const int64_t n = run->manifest.shard_count, parts = run->config->compute.parts,
                  part = run->config->compute.part;

    if (run->manifest.stages[self->stage].shards[shard].done)
        return true;
    if (ac_run_is_part(run) && (shard < n * part / parts || shard >= n * (part + 1) / parts))
        return false;
    return ac_file_is_readable(path);
}

ac_status
ac_equal_rows_row(const ac_texts *keys, int64_t first, const ac_image_source *images,
                  int64_t item, int64_t *row)
{
    ac_buffer key = { 0 };
    ac_status st = ac_image_source_key(images, item, &key);

    /* rejected items have no row, so a row is never behind its item */
    *row = item - first < keys->count ? item - first : keys->count - 1;
    while (st == AC_OK && *row >= 0 && !ac_texts_is(keys, *row, key.data, key.size))
        --*row;
    ac_buffer_free(&key);
    return st;
}

/* wanted [n]: of one earlier shard, one item each. */
static ac_status
find_in_shard(const ac_equal_rows *self, const ac_equal_item *wanted, int64_t n)
{
    const int64_t shard = shard_of(self, wanted[0].first);
    int64_t first, count, row;
    ac_h5_reader h5 = { 0 };
    ac_texts keys = { 0 };
    char *path = NULL;
    ac_status st = AC_OK;

    ac_run_shard_items(self->run, shard, &first, &count);
    AC_TRY(ac_run_shard_path(self->run, self->stage, shard, &path));
    if (!is_there(self, shard, path))
        goto out;
    AC_TRY(ac_h5_open(&h5, path));
    AC_TRY(ac_shard_read_texts(&h5, self->keys, &keys));
    for (int64_t i = 0; i < n; i++) {
        AC_TRY(ac_equal_rows_row(&keys, first, self->images, wanted[i].first, &row));
        if (row >= 0)
            AC_TRY(self->take(self->context, &h5, row, wanted[i].item));
    }
out:
    ac_h5_close(&h5);
    ac_texts_free(&keys);
    free(path);
    return st == AC_E_NOMEM ? st : AC_OK; /* what cannot be read is computed */
}

ac_status
ac_equal_rows_find(const ac_equal_rows *self)
{
    int64_t n = 0, count = 0;
    const ac_equal_item *items =
        self->items ? ac_equal_items_range(self->items, self->first, self->count, &n) : NULL;
    ac_equal_item *wanted = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&wanted, n, sizeof *wanted));
    for (int64_t i = 0; i < n; i++)
        if (is_earlier(self, &items[i]))
            wanted[count++] = items[i];
    qsort(wanted, (size_t) count, sizeof *wanted, compare_first);
    n = count;
    count = 0;
    for (int64_t i = 0; i < n; i++) /* of several the first: the shard has them equal anyway */
        if (i == 0 || wanted[i].first != wanted[i - 1].first)
            wanted[count++] = wanted[i];
    for (int64_t from = 0, to; from < count; from = to) {
        const int64_t shard = shard_of(self, wanted[from].first);
        for (to = from; to < count && shard_of(self, wanted[to].first) == shard;)
            to++;
        AC_TRY(find_in_shard(self, wanted + from, to - from));
    }
out:
    free(wanted);
    return st;
}

ac_status
ac_equal_rows_remove_undone(const ac_run *run, int stage)
{
    const int64_t n = run->manifest.shard_count, parts = run->config->compute.parts,
                  part = run->config->compute.part;
    const bool is_part = ac_run_is_part(run);
    char *path = NULL;
    ac_status st = AC_OK;

    for (int64_t s = is_part ? n * part / parts : 0; s < (is_part ? n * (part + 1) / parts : n);
         s++) {
        if (run->manifest.stages[stage].shards[s].done)
            continue;
        free(path);
        AC_TRY(ac_run_shard_path(run, stage, s, &path));
        unlink(path);
    }
out:
    free(path);
    return st;
}
