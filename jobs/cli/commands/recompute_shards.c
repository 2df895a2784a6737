#include "jobs/cli/commands/recompute_shards.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "io/hdf5/shard_file.h"

/* Two files of a kind, and the keys of the first. */
typedef struct both {
    ac_h5_reader files[2];
    const ac_shard_schema *schema;
    ac_texts keys;
} both;

/* The first text that differs, of how many; -1: none. */
static ac_status
compare_texts(const both *self, ac_dataset_id id, int64_t *at, int64_t *of)
{
    ac_texts a = { 0 }, b = { 0 };
    ac_status st = AC_OK;

    *at = -1;
    AC_TRY(ac_shard_read_texts(&self->files[0], id, &a));
    AC_TRY(ac_shard_read_texts(&self->files[1], id, &b));
    *of = a.count;
    if (a.count != b.count)
        *at = 0;
    for (int64_t i = 0; *at < 0 && i < a.count; i++)
        if (!ac_texts_same(&a, i, &b, i))
            *at = i;
out:
    ac_texts_free(&a);
    ac_texts_free(&b);
    return st;
}

static ac_status
compare_numbers(const both *self, ac_dataset_id id, int64_t *at, int64_t *of)
{
    int64_t rows[2], columns[2] = { 1, 1 };
    const bool wide = ac_dataset_rank(id) == 2;
    const size_t each = ac_dtype_bytes(ac_datasets[id].dtype);
    char *x[2] = { NULL, NULL };
    ac_status st = AC_OK;

    *at = -1;
    for (int f = 0; f < 2; f++) {
        AC_TRY(ac_shard_shape(&self->files[f], id, &rows[f], wide ? &columns[f] : NULL));
        AC_TRY(ac_alloc(&x[f], rows[f] * columns[f], each));
        AC_TRY(ac_shard_read(&self->files[f], id, rows[f], wide ? columns[f] : 0, x[f]));
    }
    *of = rows[0];
    if (rows[0] != rows[1] || columns[0] != columns[1])
        *at = 0;
    for (int64_t i = 0; *at < 0 && i < rows[0]; i++)
        if (memcmp(x[0] + (size_t) (i * columns[0]) * each,
                   x[1] + (size_t) (i * columns[0]) * each, (size_t) columns[0] * each) != 0)
            *at = i;
out:
    free(x[0]);
    free(x[1]);
    return st;
}

/* The dataset's first difference, where it is one that can be compared row by row. */
static ac_status
compare_dataset(const both *self, ac_dataset_id id, int64_t *at, int64_t *of)
{
    const ac_dataset *d = &ac_datasets[id];

    *at = -1;
    *of = 0;
    if (!ac_shard_has(&self->files[0], id) || !ac_shard_has(&self->files[1], id) ||
        d->content == AC_CONTENT_OFFSETS)
        return AC_OK;
    if (d->content == AC_CONTENT_TEXTS)
        return compare_texts(self, id, at, of);
    return ac_dataset_rank(id) <= 2 ? compare_numbers(self, id, at, of) : AC_OK;
}

static void
describe(const both *self, ac_dataset_id id, int64_t at, int64_t of, char *what, size_t size)
{
    const int64_t n = self->keys.count;
    const int64_t row = n > 0 && of > 0 && of % n == 0 ? at / (of / n) : -1;

    if (row >= 0)
        snprintf(what, size, "computed again it differs, first in %s of %.*s",
                 ac_datasets[id].name, (int) ac_texts_size(&self->keys, row),
                 ac_texts_at(&self->keys, row));
    else
        snprintf(what, size, "computed again it differs, first in %s, row %lld",
                 ac_datasets[id].name, (long long) at);
}

ac_status
ac_recompute_difference(const char *old, const char *new, char *what, size_t size)
{
    both self = { 0 };
    ac_status st = AC_OK;

    snprintf(what, size, "computed again it has other bytes");
    AC_TRY(ac_h5_open(&self.files[0], old));
    AC_TRY(ac_h5_open(&self.files[1], new));
    self.schema = ac_shard_schema_read(&self.files[0]);
    if (!self.schema)
        goto out;
    if (self.schema->keys != AC_NO_DATASET)
        AC_TRY(ac_shard_read_texts(&self.files[0], self.schema->keys, &self.keys));
    for (int id = (int) self.schema->first; id <= (int) self.schema->last; id++) {
        int64_t at, of;
        AC_TRY(compare_dataset(&self, (ac_dataset_id) id, &at, &of));
        if (at >= 0) {
            describe(&self, (ac_dataset_id) id, at, of, what, size);
            break;
        }
    }
out:
    ac_texts_free(&self.keys);
    ac_h5_close(&self.files[0]);
    ac_h5_close(&self.files[1]);
    return st;
}
