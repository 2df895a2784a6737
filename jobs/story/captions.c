#include "jobs/story/captions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "io/file/checksum.h"
#include "io/file/file_bytes.h"
#include "io/file/file_head.h"
#include "io/file/file_look.h"
#include "io/file/json_lines.h"
#include "io/file/path.h"
#include "io/file/publish.h"

void
ac_story_captions_free(ac_story_captions *self)
{
    ac_texts_free(&self->keys);
    ac_texts_free(&self->captions);
    ac_texts_free(&self->tables);
    free(self->repeated);
    *self = (ac_story_captions){ 0 };
}

/* ---- captions.jsonl ---- */

static ac_status
push_string(ac_texts *out, const json_t *value)
{
    return ac_texts_push(out, json_is_string(value) ? json_string_value(value) : "",
                         json_is_string(value) ? json_string_length(value) : 0);
}

/* An ac_json_line. */
static ac_status
take_record(void *context, json_t *record)
{
    ac_story_captions *self = context;
    const json_t *key = json_object_get(record, "key"), *entry;
    ac_buffer table = { 0 };
    size_t i;
    ac_status st = AC_OK;

    if (!json_is_string(key))
        return ac_error_set(AC_E_FORMAT, "has no \"key\", as a line of captions.jsonl has");
    json_array_foreach(json_object_get(record, "table"), i, entry)
    {
        const json_t *text = json_object_get(entry, "entry");
        if (!json_is_string(text))
            continue;
        ac_buffer_push(&table, json_string_value(text), json_string_length(text));
        ac_buffer_push_text(&table, " | ");
    }
    AC_TRY(table.status);
    AC_TRY(push_string(&self->keys, key));
    AC_TRY(push_string(&self->captions, json_object_get(record, "caption")));
    st = ac_texts_push(&self->tables, table.data ? table.data : "", table.size);
out:
    ac_buffer_free(&table);
    return st;
}

/* hint: what may be wrong where there is no such file. */
static ac_status
read_records(ac_story_captions *self, const char *path, const char *hint)
{
    struct stat info;

    if (ac_file_stat(path, &info) != 0)
        return ac_error_set(ac_io_failure(errno),
                            "%s: cannot be read: %s%s. input.path of story is a run of "
                            "caption, a captions.jsonl, or a text with a caption per line",
                            path, strerror(errno), hint);
    return ac_json_lines_read_all(path, take_record, self);
}

/* ---- a text ---- */

static bool
is_blank(const char *line, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (line[i] != ' ' && line[i] != '\t')
            return false;
    return true;
}

/* An image, a model, a text in another encoding: no captions, though each has lines. */
static ac_status
check_text(const char *path, const ac_buffer *text)
{
    const size_t head = text->size < AC_HEAD_BYTES ? text->size : AC_HEAD_BYTES;
    ac_status st = AC_OK;

    if (head == 0)
        return AC_OK;
    AC_TRY(ac_head_check_text(path, text->data, text->size));
    if (memchr(text->data, 0, head))
        AC_FAIL(AC_E_FORMAT,
                "%s: is no text (it has zero bytes). input.path of story is a run of caption, "
                "a captions.jsonl, or a text with a caption per line",
                path);
out:
    return st;
}

static ac_status
read_lines(ac_story_captions *self, const char *path)
{
    ac_buffer text = { 0 };
    ac_item_status status = { 0 };
    int64_t number = 0;
    ac_status st = AC_OK;

    AC_TRY(ac_file_bytes(&text, path, &status));
    if (status.reason != AC_GOOD && status.reason != AC_REJECT_EMPTY)
        AC_FAIL(AC_E_IO, "%s: %s", path, status.detail);
    AC_TRY(check_text(path, &text));
    for (size_t at = ac_head_mark(text.data, text.size); at < text.size;) {
        const char *line = text.data + at, *end = memchr(line, '\n', text.size - at);
        size_t n = end ? (size_t) (end - line) : text.size - at;
        char key[24];
        at += n + 1;
        number++;
        while (n && line[n - 1] == '\r')
            n--;
        if (is_blank(line, n))
            continue;
        snprintf(key, sizeof key, "%06lld", (long long) number);
        AC_TRY(ac_texts_push(&self->keys, key, strlen(key)));
        AC_TRY(ac_texts_push(&self->captions, line, n));
        AC_TRY(ac_texts_push(&self->tables, "", 0));
    }
out:
    ac_buffer_free(&text);
    return st;
}

/* ---- all ---- */

static bool
ends_with(const char *path, const char *end)
{
    const size_t n = strlen(path), m = strlen(end);

    return n >= m && strcasecmp(path + n - m, end) == 0;
}

static ac_status
find_repeated(ac_story_captions *self)
{
    const ac_texts *keys = &self->keys;
    int64_t mask = 15, *table = NULL; /* open addressing: an item's number + 1; 0: free */
    ac_status st = AC_OK;

    while (mask < 2 * keys->count)
        mask = 2 * mask + 1;
    AC_TRY(ac_alloc(&self->repeated, keys->count, sizeof *self->repeated));
    AC_TRY(ac_alloc(&table, mask + 1, sizeof *table));
    for (int64_t i = 0; i < keys->count; i++) {
        int64_t at =
            (int64_t) ac_random_stream(ac_texts_at(keys, i), ac_texts_size(keys, i)) & mask;
        while (table[at] && !ac_texts_same(keys, table[at] - 1, keys, i))
            at = (at + 1) & mask;
        self->repeated[i] = table[at] != 0;
        if (!table[at])
            table[at] = i + 1;
    }
out:
    free(table);
    return st;
}

static ac_status
make_fingerprint(ac_story_captions *self)
{
    const ac_texts *const all[] = { &self->keys, &self->captions, &self->tables };
    ac_checksum sum = { 0 };
    ac_status st = ac_checksum_init(&sum);

    if (st != AC_OK)
        return st;
    for (int i = 0; i < 3; i++)
        for (int64_t k = 0; k < all[i]->count; k++) {
            const uint64_t n = ac_texts_size(all[i], k);
            ac_checksum_update(&sum, &n, sizeof n);
            ac_checksum_update(&sum, ac_texts_at(all[i], k), n);
        }
    ac_checksum_digest(&sum, self->fingerprint);
    ac_checksum_free(&sum);
    return AC_OK;
}

ac_status
ac_story_captions_read(ac_story_captions *self, const char *path)
{
    struct stat info;
    char *file = NULL;
    bool is_run;
    ac_status st = AC_OK;

    *self = (ac_story_captions){ 0 };
    if (ac_file_stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        AC_TRY(ac_path_format(&file, "%s/manifest.json", path));
        is_run = ac_file_stat(file, &info) == 0;
        free(file);
        file = NULL;
        AC_TRY(ac_path_format(&file, "%s/captions.jsonl", path));
        AC_TRY(read_records(
            self, file, is_run ? " (this run has no captions yet, or is of another job)" : ""));
    } else if (ends_with(path, ".jsonl") || ends_with(path, ".ndjson")) {
        AC_TRY(read_records(self, path, ""));
    } else if (ends_with(path, ".json")) {
        AC_FAIL(AC_E_FORMAT,
                "%s: is one JSON value, and no lines of it. input.path of story is a run of "
                "caption, a captions.jsonl, or a text with a caption per line",
                path);
    } else {
        AC_TRY(read_lines(self, path));
    }
    if (self->keys.count == 0)
        AC_FAIL(AC_E_FORMAT, "%s: there is no caption in it", path);
    AC_TRY(find_repeated(self));
    st = make_fingerprint(self);
out:
    free(file);
    return st;
}
