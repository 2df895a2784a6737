#include "engine/text/siglip_text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/text/unicode.h"

#define SPACE "\xe2\x96\x81"

static const char unknown[] = "<unk>";

/* Lower-cased, then no punctuation, then single blanks, none at the ends; appended. */
static ac_status
canonicalise(ac_buffer *out, const char *text, size_t n)
{
    ac_buffer lower = { 0 };
    const size_t first = out->size;
    bool gap = false;
    ac_status st = AC_OK;

    AC_TRY(ac_unicode_lower(&lower, text, n));
    for (size_t i = 0; i < lower.size;) {
        const size_t from = i;
        const int32_t point = ac_utf8_next(lower.data, lower.size, &i);
        if (point < 128 && ispunct(point))
            continue;
        if (ac_unicode_is_space(point)) {
            gap = out->size > first;
            continue;
        }
        if (gap)
            ac_buffer_push_char(out, ' ');
        gap = false;
        ac_buffer_push(out, lower.data + from, i - from);
    }
    st = out->status;
out:
    ac_buffer_free(&lower);
    return st;
}

/* How many pieces stand for "<unk>" as text, which is put in front so that the model's blank
 * comes before it. */
static ac_status
count_marker(const ac_unigram *model, int64_t *out)
{
    ac_piece_ids ids = { 0 };
    const ac_status st = ac_unigram_encode(model, unknown, strlen(unknown), &ids);

    *out = ids.count;
    free(ids.ids);
    return st;
}

/* One stretch between special tokens. */
static ac_status
encode_stretch(const ac_unigram *model, const char *text, size_t n, ac_piece_ids *out)
{
    const int64_t first = out->count;
    ac_buffer marked = { 0 };
    int64_t marker = 0;
    ac_status st = AC_OK;

    AC_TRY(count_marker(model, &marker));
    AC_TRY(ac_buffer_push_text(&marked, unknown));
    AC_TRY(canonicalise(&marked, text, n));
    AC_TRY(ac_unigram_encode(model, marked.data, marked.size, out));
    if (out->count - first >= marker) {
        memmove(out->ids + first, out->ids + first + marker,
                (size_t) (out->count - first - marker) * sizeof *out->ids);
        out->count -= marker;
    }
out:
    ac_buffer_free(&marked);
    return st;
}

/* The first special token of the text: where it begins; n: none. */
static size_t
find_special(const char *text, size_t n, size_t *length)
{
    static const char *const names[] = { "</s>", unknown };

    for (size_t i = 0; i < n; i++)
        for (int k = 0; text[i] == '<' && k < 2; k++) {
            *length = strlen(names[k]);
            if (n - i >= *length && memcmp(text + i, names[k], *length) == 0)
                return i;
        }
    return n;
}

ac_status
ac_siglip_encode(const ac_unigram *model, const char *text, size_t n, ac_piece_ids *out)
{
    ac_buffer spaced = { 0 };
    const char *rest;
    size_t left, length = 0;
    ac_status st = AC_OK;

    AC_TRY(ac_buffer_push_text(&spaced, SPACE));
    for (size_t i = 0; i < n;) { /* the blank's own sign in a text is a blank */
        const size_t from = i;
        if (ac_utf8_next(text, n, &i) == 0x2581)
            AC_TRY(ac_buffer_push_char(&spaced, ' '));
        else
            AC_TRY(ac_buffer_push(&spaced, text + from, i - from));
    }
    rest = spaced.data;
    left = spaced.size;
    while (left) {
        const size_t at = find_special(rest, left, &length);
        int32_t id;
        if (at)
            AC_TRY(encode_stretch(model, rest, at, out));
        if (at == left)
            break;
        id = ac_unigram_find(model, rest + at, length);
        AC_TRY(ac_grow(&out->ids, &out->capacity, out->count + 1, sizeof *out->ids));
        out->ids[out->count++] = id < 0 ? model->unknown : id;
        rest += at + length;
        left -= at + length;
    }
out:
    ac_buffer_free(&spaced);
    return st;
}
