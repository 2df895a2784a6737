#include "jobs/caption/reviews.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "io/file/checksum.h"
#include "io/file/file_look.h"
#include "io/file/json_value.h"
#include "io/file/json_write.h"
#include "io/file/path.h"
#include "io/file/text_file.h"
#include "jobs/caption/record.h"

enum { STAGES = 3, PLACE_BYTES = 4096 };

const char *const ac_review_words[AC_REVIEW_STATUSES] = { "open", "accepted", "edited",
                                                          "rejected" };
const char ac_review_file[] = "reviewed.jsonl";

void
ac_reviews_free(ac_reviews *self)
{
    ac_texts_free(&self->keys);
    ac_texts_free(&self->captions);
    ac_texts_free(&self->computed);
    free(self->status);
    free(self->order);
    free(self->folder);
    *self = (ac_reviews){ 0 };
}

/* ---- reading ---- */

static bool
is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '\0';
}

static void
copy_text(char out[33], const json_t *record, const char *name)
{
    const char *text = json_string_value(json_object_get(record, name));

    snprintf(out, 33, "%s", text ? text : "");
}

/* The first line of the review page's file. */
static ac_status
read_head(ac_reviews *self, const json_t *record)
{
    const char *folder = json_string_value(json_object_get(record, "folder"));

    copy_text(self->run, record, "run");
    copy_text(self->input, record, "input");
    free(self->folder);
    self->folder = NULL;
    return ac_duplicate(&self->folder, folder ? folder : "another run",
                        strlen(folder ? folder : "another run"));
}

static ac_status
read_record(ac_reviews *self, const json_t *record, const char *place)
{
    const json_t *key = json_object_get(record, "key"),
                 *caption = json_object_get(record, "caption");
    const char *word = json_string_value(json_object_get(record, "status"));
    char computed[33];
    int status = 0;
    ac_status st = AC_OK;

    if (!json_is_string(key) || !word)
        AC_FAIL(AC_E_FORMAT, "%s: needs a \"key\" and a \"status\"", place);
    while (status < AC_REVIEW_STATUSES && strcmp(word, ac_review_words[status]) != 0)
        status++;
    if (status == AC_REVIEW_STATUSES)
        AC_FAIL(AC_E_FORMAT,
                "%s: the status \"%.100s\" is none of accepted, edited, rejected, open", place,
                word);
    if (status == AC_REVIEW_EDITED &&
        (!json_is_string(caption) || is_blank(json_string_value(caption))))
        AC_FAIL(AC_E_FORMAT, "%s: an edited caption needs a \"caption\" that is not blank",
                place);
    copy_text(computed, record, "computed");
    AC_TRY(ac_grow(&self->status, &self->status_room, self->count + 1, sizeof *self->status));
    AC_TRY(ac_texts_push(&self->keys, json_string_value(key), json_string_length(key)));
    AC_TRY(ac_texts_push(&self->captions,
                         status == AC_REVIEW_EDITED ? json_string_value(caption) : "",
                         status == AC_REVIEW_EDITED ? json_string_length(caption) : 0));
    AC_TRY(ac_texts_push(&self->computed, computed, strlen(computed)));
    self->status[self->count++] = (ac_review_status) status;
out:
    return st;
}

static int
compare_keys(const char *a, size_t n, const char *b, size_t m)
{
    const int d = memcmp(a, b, n < m ? n : m);

    return d ? d : (n > m) - (n < m);
}

static int
compare_reviews(const void *x, const void *y, void *context)
{
    const ac_texts *keys = context;
    const int64_t i = *(const int64_t *) x, j = *(const int64_t *) y;
    const int d = compare_keys(ac_texts_at(keys, i), ac_texts_size(keys, i),
                               ac_texts_at(keys, j), ac_texts_size(keys, j));

    return d ? d : (i < j) - (i > j);
}

static ac_status
sort(ac_reviews *self)
{
    ac_status st =
        ac_grow(&self->order, &self->order_room, self->count + 1, sizeof *self->order);

    for (int64_t i = 0; st == AC_OK && i < self->count; i++)
        self->order[i] = i;
    if (st == AC_OK && self->count)
        qsort_r(self->order, (size_t) self->count, sizeof *self->order, compare_reviews,
                &self->keys);
    return st;
}

ac_status
ac_reviews_read(ac_reviews *self, const char *path)
{
    ac_buffer text = { 0 };
    int64_t line = 1;
    ac_status st = AC_OK;

    AC_TRY(ac_text_read(path, &text));
    for (size_t at = 0; at < text.size; line++) {
        const char *end = memchr(text.data + at, '\n', text.size - at);
        const size_t n = end ? (size_t) (end - text.data) - at : text.size - at;
        char place[PLACE_BYTES];
        json_error_t error;
        json_t *record;

        snprintf(place, sizeof place, "%s: line %lld", path, (long long) line);
        if (strspn(text.data + at, " \t\r") < n) {
            record = ac_json_parse(text.data + at, n, JSON_REJECT_DUPLICATES, &error);
            if (!json_is_object(record))
                st = ac_error_set(AC_E_FORMAT, "%s: not a JSON object", place);
            else if (json_object_get(record, "antarctic_review"))
                st = read_head(self, record);
            else
                st = read_record(self, record, place);
            json_decref(record);
            AC_TRY(st);
        }
        at += n + 1;
    }
    st = sort(self);
out:
    ac_buffer_free(&text);
    return st;
}

ac_status
ac_reviews_open(ac_reviews *self, const char *folder)
{
    char *path = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_path_format(&path, "%s/%s", folder, ac_review_file));
    st = ac_file_is_there(path) ? ac_reviews_read(self, path) : AC_OK;
out:
    free(path);
    return st;
}

/* ---- an image's ---- */

int64_t
ac_reviews_find(const ac_reviews *self, const ac_shard_view *v, int64_t i, ac_buffer *scratch)
{
    int64_t low = 0, high = self->count;

    if (!self->count)
        return -1;
    ac_buffer_reset(scratch);
    ac_text_push_utf8(scratch, ac_texts_at(&v->keys, i), ac_texts_size(&v->keys, i));
    if (scratch->status != AC_OK)
        return -1;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2, r = self->order[middle];
        if (compare_keys(ac_texts_at(&self->keys, r), ac_texts_size(&self->keys, r),
                         scratch->data, scratch->size) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < self->count &&
                   ac_texts_is(&self->keys, self->order[low], scratch->data, scratch->size)
               ? self->order[low]
               : -1;
}

void
ac_review_computed(const ac_shard_view *v, int64_t i, ac_buffer *scratch, char hex[33])
{
    ac_buffer_reset(scratch);
    ac_record_push_fields(scratch, v, i, STAGES);
    ac_checksum_bytes(scratch->data ? scratch->data : "", scratch->size, hex);
}

bool
ac_reviews_fits(const ac_reviews *self, int64_t number, const ac_shard_view *v, int64_t i,
                ac_buffer *scratch)
{
    char hex[33];

    if (ac_texts_size(&self->computed, number) == 0)
        return true;
    ac_review_computed(v, i, scratch, hex);
    return ac_texts_is(&self->computed, number, hex, strlen(hex));
}

int64_t
ac_reviews_of(const ac_reviews *self, const ac_shard_view *v, int64_t i, ac_buffer *scratch)
{
    const int64_t r = ac_reviews_find(self, v, i, scratch);

    return r >= 0 && self->status[r] != AC_REVIEW_OPEN &&
                   ac_reviews_fits(self, r, v, i, scratch)
               ? r
               : -1;
}

bool
ac_reviews_caption(const ac_reviews *self, int64_t number, const ac_shard_view *v, int64_t i,
                   const char **bytes, size_t *n)
{
    const bool edited = self->status[number] == AC_REVIEW_EDITED;

    *bytes = edited ? ac_texts_at(&self->captions, number) : ac_texts_at(&v->captions, i);
    *n = edited ? ac_texts_size(&self->captions, number) : ac_texts_size(&v->captions, i);
    return self->status[number] != AC_REVIEW_REJECTED;
}

void
ac_reviews_push(const ac_reviews *self, int64_t number, ac_buffer *b, const ac_shard_view *v,
                int64_t i)
{
    const char *bytes;
    size_t n;

    ac_buffer_printf(b, ", \"reviewed\": {\"status\": \"%s\"",
                     ac_review_words[self->status[number]]);
    if (ac_reviews_caption(self, number, v, i, &bytes, &n)) {
        ac_buffer_push_text(b, ", ");
        ac_json_field(b, "caption", bytes, n);
    }
    ac_buffer_push_char(b, '}');
}
