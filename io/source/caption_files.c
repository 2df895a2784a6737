#include "io/source/caption_files.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "engine/text/unicode.h"
#include "io/file/file_bytes.h"
#include "io/file/file_head.h"

enum { EXTENSION = 4 }; /* ".txt" */

void
ac_caption_files_init(ac_caption_files *self, const char *folder)
{
    *self = (ac_caption_files){ .names.folder = folder, .order.folder = folder };
}

void
ac_caption_files_free(ac_caption_files *self)
{
    ac_spill_free(&self->names);
    ac_spill_free(&self->order);
    *self = (ac_caption_files){ 0 };
}

bool
ac_caption_file_is(const char *name)
{
    const size_t n = strlen(name);

    return n > EXTENSION && strcasecmp(name + n - EXTENSION, ".txt") == 0;
}

ac_status
ac_caption_files_add(ac_caption_files *self, const char *name)
{
    const int64_t at = (int64_t) self->names.size;
    const uint32_t size = (uint32_t) strlen(name);
    ac_status st = AC_OK;

    AC_TRY(ac_spill_push(&self->order, &at, sizeof at));
    AC_TRY(ac_spill_push(&self->names, &size, sizeof size));
    AC_TRY(ac_spill_push(&self->names, name, size));
    self->count++;
out:
    return st;
}

/* ---- sorting ---- */

typedef struct place {
    const char *name, *stem; /* the stem is a part of the name */
    size_t size, stem_size;
} place;

/* The last component of a name [n] without an extension. */
static const char *
last_component(const char *name, size_t n, size_t *size)
{
    const char *slash = n ? memrchr(name, '/', n) : NULL;
    const char *base = slash ? slash + 1 : name;

    *size = n - (size_t) (base - name);
    return base;
}

/* The name that begins there. */
static place
place_at(const ac_caption_files *self, int64_t at)
{
    uint32_t size;
    place p;

    memcpy(&size, self->names.data + at, sizeof size);
    p = (place){ .name = self->names.data + at + sizeof size, .size = size };
    p.stem = last_component(p.name, p.size - EXTENSION, &p.stem_size);
    return p;
}

/* At place i of the order. */
static place
place_of(const ac_caption_files *self, int64_t i)
{
    int64_t at;

    memcpy(&at, self->order.data + (size_t) i * sizeof at, sizeof at);
    return place_at(self, at);
}

static int
compare_places(const void *a, const void *b, void *files)
{
    const place x = place_at(files, *(const int64_t *) a),
                y = place_at(files, *(const int64_t *) b);
    const int order = ac_bytes_compare(x.stem, x.stem_size, y.stem, y.stem_size);

    return order ? order : ac_bytes_compare(x.name, x.size, y.name, y.size);
}

void
ac_caption_files_sort(ac_caption_files *self)
{
    if (self->count)
        qsort_r(self->order.data, (size_t) self->count, sizeof(int64_t), compare_places, self);
}

/* ---- matching ---- */

const char *
ac_caption_files_name(const ac_caption_files *self, int64_t i, size_t *size)
{
    const place p = place_of(self, i);

    *size = p.size;
    return p.name;
}

/* The first place whose stem is not before `stem` [n], or, past: is behind it. */
static int64_t
bound(const ac_caption_files *self, const char *stem, size_t n, bool past)
{
    int64_t low = 0, high = self->count;

    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        const place p = place_of(self, middle);
        const int order = ac_bytes_compare(p.stem, p.stem_size, stem, n);
        if (order < 0 || (past && order == 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

ac_caption_match
ac_caption_files_match(const ac_caption_files *self, const char *key, size_t n)
{
    size_t stem_size;
    const char *stem = last_component(key, n, &stem_size);
    ac_caption_match match = { .first = bound(self, stem, stem_size, false), .beside = -1 };

    match.count = bound(self, stem, stem_size, true) - match.first;
    for (int64_t i = match.first; i < match.first + match.count; i++) {
        const place p = place_of(self, i);
        if (p.size - EXTENSION == n && memcmp(p.name, key, n) == 0)
            match.beside = i; /* of .TXT and .txt the latter, which is last */
    }
    return match;
}

/* ---- reading ---- */

ac_status
ac_caption_file_read(const char *path, ac_buffer *text, ac_item_status *status)
{
    ac_buffer bytes = { 0 };
    ac_status st = AC_OK;
    ac_head head;
    size_t mark;

    AC_TRY(ac_file_bytes(&bytes, path, status));
    if (status->reason != AC_GOOD) {
        char why[AC_REJECT_DETAIL_BYTES];
        memcpy(why, status->detail, sizeof why);
        ac_item_status_set(status, AC_REJECT_NO_CAPTION, "its .txt file: %.150s", why);
        goto out;
    }
    head = ac_head_of(bytes.data, bytes.size);
    if (head != AC_HEAD_OTHER) {
        ac_item_status_set(
            status, head == AC_HEAD_UTF16 ? AC_REJECT_CAPTION_NOT_UTF8 : AC_REJECT_NO_CAPTION,
            "its .txt file: %s", ac_head_describe(head));
        goto out;
    }
    mark = ac_head_mark(bytes.data, bytes.size);
    if (bytes.size > mark)
        AC_TRY(ac_buffer_push(text, bytes.data + mark, bytes.size - mark));
    if (bytes.size && ac_utf8_check(bytes.data, bytes.size) != AC_OK)
        ac_item_status_set(status, AC_REJECT_CAPTION_NOT_UTF8,
                           "its .txt file is not UTF-8: %.150s", ac_error_message());
out:
    ac_buffer_free(&bytes);
    return st;
}
