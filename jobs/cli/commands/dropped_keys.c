#include "jobs/cli/commands/dropped_keys.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "io/file/json_lines.h"
#include "io/file/path.h"

/* A key and where it stands. */
typedef struct placed {
    const char *key;
    size_t size;
    int64_t at;
} placed;

void
ac_dropped_keys_free(ac_dropped_keys *self)
{
    ac_texts_free(&self->keys);
    free(self->order);
    *self = (ac_dropped_keys){ 0 };
}

/* An ac_json_line. */
static ac_status
take_group(void *context, json_t *record)
{
    ac_dropped_keys *self = context;
    const json_t *key;
    size_t i;
    ac_status st = AC_OK;

    json_array_foreach(json_object_get(record, "drop"), i,
                       key) if (json_is_string(key) && st == AC_OK) st =
        ac_texts_push(&self->keys, json_string_value(key), json_string_length(key));
    return st;
}

static int
compare(const void *left, const void *right)
{
    const placed *a = left, *b = right;

    return ac_bytes_compare(a->key, a->size, b->key, b->size);
}

static ac_status
sort(ac_dropped_keys *self)
{
    const int64_t n = self->keys.count;
    placed *all = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&all, n, sizeof *all));
    AC_TRY(ac_alloc(&self->order, n, sizeof *self->order));
    for (int64_t i = 0; i < n; i++)
        all[i] = (placed){ ac_texts_at(&self->keys, i), ac_texts_size(&self->keys, i), i };
    qsort(all, (size_t) n, sizeof *all, compare);
    for (int64_t i = 0; i < n; i++)
        self->order[i] = all[i].at;
out:
    free(all);
    return st;
}

ac_status
ac_dropped_keys_read(ac_dropped_keys *self, const char *folder)
{
    char *groups = NULL, *done = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_path_format(&groups, "%s/groups.jsonl", folder));
    AC_TRY(ac_path_format(&done, "%s/DONE", folder));
    if (access(groups, R_OK) != 0 || access(done, F_OK) != 0)
        AC_FAIL(AC_E_ARG, "%s: not a finished run of dedupe: it has no groups.jsonl and DONE",
                folder);
    AC_TRY(ac_json_lines_read(groups, take_group, self));
    st = sort(self);
out:
    free(groups);
    free(done);
    return st;
}

bool
ac_dropped_keys_has(const ac_dropped_keys *self, const char *key, size_t n)
{
    int64_t low = 0, high = self->keys.count;

    while (low < high) {
        const int64_t middle = low + (high - low) / 2, at = self->order[middle];
        const int order = ac_bytes_compare(ac_texts_at(&self->keys, at),
                                           ac_texts_size(&self->keys, at), key, n);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}
