#include "jobs/cli/commands/dropped_keys.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache_builder/duplicates.h"
#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "engine/text/unicode.h"
#include "io/file/file_look.h"
#include "io/file/json_lines.h"
#include "io/file/json_write.h"
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
    free(self->told);
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

    json_array_foreach(json_object_get(record, "drop"), i, key)
    {
        if (!json_is_string(key) || st != AC_OK)
            continue;
        st = ac_texts_push(&self->keys, json_string_value(key), json_string_length(key));
        self->replaced = self->replaced || strstr(json_string_value(key), "\xef\xbf\xbd");
    }
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
    AC_TRY(ac_alloc(&self->told, n, sizeof *self->told));
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
    if (!ac_file_is_readable(groups) || !ac_file_is_there(done))
        AC_FAIL(AC_E_ARG, "%s: not a finished run of dedupe: it has no groups.jsonl and DONE",
                folder);
    AC_TRY(ac_json_lines_read(groups, take_group, self));
    st = sort(self);
out:
    free(groups);
    free(done);
    return st;
}

ac_status
ac_dropped_keys_spare(ac_dropped_keys *self, const ac_texts *spared)
{
    ac_dropped_keys left = { .replaced = self->replaced };
    int64_t *found = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&found, self->keys.count, sizeof *found));
    AC_TRY(ac_entries_find(spared, &self->keys, found));
    for (int64_t i = 0; i < self->keys.count; i++)
        if (found[i] < 0)
            AC_TRY(ac_texts_push(&left.keys, ac_texts_at(&self->keys, i),
                                 ac_texts_size(&self->keys, i)));
    AC_TRY(sort(&left));
    ac_dropped_keys_free(self);
    *self = left;
    left = (ac_dropped_keys){ 0 };
out:
    ac_dropped_keys_free(&left);
    free(found);
    return st;
}

/* Where it stands in `order`, the first of equal ones; -1: nowhere. */
static int64_t
find(const ac_dropped_keys *self, const char *key, size_t n)
{
    int64_t low = 0, high = self->keys.count;

    while (low < high) {
        const int64_t middle = low + (high - low) / 2, at = self->order[middle];
        if (ac_bytes_compare(ac_texts_at(&self->keys, at), ac_texts_size(&self->keys, at), key,
                             n) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < self->keys.count && ac_texts_is(&self->keys, self->order[low], key, n) ? low
                                                                                        : -1;
}

/* The same of a key that is no UTF-8, as JSON tells it. */
static ac_status
find_told(const ac_dropped_keys *self, const char *key, size_t n, int64_t *at)
{
    ac_buffer told = { 0 };
    json_t *text = NULL;
    ac_status st = AC_OK;

    *at = -1;
    AC_TRY(ac_json_string(&told, key, n));
    if (!(text = json_loadb(told.data, told.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL)))
        AC_FAIL(AC_E_NOMEM, "out of memory for a key");
    *at = find(self, json_string_value(text), json_string_length(text));
out:
    json_decref(text);
    ac_buffer_free(&told);
    return st;
}

ac_status
ac_dropped_keys_has(const ac_dropped_keys *self, const char *key, size_t n, bool *dropped)
{
    int64_t at = find(self, key, n);
    ac_status st = AC_OK;

    if (at < 0 && self->replaced && ac_utf8_check(key, n) != AC_OK)
        st = find_told(self, key, n, &at);
    *dropped = at >= 0;
    return st;
}

ac_status
ac_dropped_keys_count(ac_dropped_keys *self, const char *key, size_t n)
{
    int64_t at;
    ac_status st = AC_OK;

    if (ac_utf8_check(key, n) == AC_OK)
        return AC_OK;
    AC_TRY(find_told(self, key, n, &at));
    if (at >= 0)
        self->told[at]++;
out:
    return st;
}

ac_status
ac_dropped_keys_check(const ac_dropped_keys *self, const char *folder)
{
    for (int64_t i = 0; i < self->keys.count; i++) {
        const int64_t at = self->order[i];
        const char *key = ac_texts_at(&self->keys, at);
        const size_t n = ac_texts_size(&self->keys, at);
        int64_t meant = 1;
        while (i + meant < self->keys.count &&
               ac_texts_is(&self->keys, self->order[i + meant], key, n))
            meant++;
        if (self->told[i] > meant)
            return ac_error_set(AC_E_ARG,
                                "%s drops %lld of the %lld images whose names are no UTF-8 and "
                                "are told as \"%.*s\": ingest its kept.txt instead, which has "
                                "the names themselves",
                                folder, (long long) meant, (long long) self->told[i], (int) n,
                                key);
        i += meant - 1;
    }
    return AC_OK;
}
