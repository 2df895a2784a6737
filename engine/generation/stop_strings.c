#include "engine/generation/stop_strings.h"

#include <string.h>

#include "engine/base/text.h"

/* ---- finding ---- */

/* The pieces of ids [n] and, at index n, of `last`. */
typedef struct spoken {
    const ac_texts *pieces;
    const int32_t *ids;
    int64_t n;
    int32_t last;
} spoken;

static const char *
piece_of(const spoken *self, int64_t i, size_t *size)
{
    const int32_t id = i < self->n ? self->ids[i] : self->last;

    *size = id >= 0 && id < self->pieces->count ? ac_texts_size(self->pieces, id) : 0;
    return *size ? ac_texts_at(self->pieces, id) : "";
}

/* Do the n bytes of `text` end `end` bytes into the last piece? From there back, token by
 * token. */
static bool
ends_there(const spoken *self, const char *text, size_t n, size_t end, ac_stop_place *place)
{
    for (int64_t i = self->n; i >= 0; i--) {
        size_t size, take;
        const char *piece = piece_of(self, i, &size);
        size = i == self->n ? end : size;
        take = size < n ? size : n;
        if (take && memcmp(piece + size - take, text + n - take, take) != 0)
            return false;
        n -= take;
        if (n == 0) {
            *place = (ac_stop_place){ i, size - take };
            return true;
        }
    }
    return false;
}

static bool
is_before(const ac_stop_place *a, const ac_stop_place *b)
{
    return a->token < b->token || (a->token == b->token && a->offset < b->offset);
}

bool
ac_stop_strings_end(const ac_texts *strings, const ac_texts *pieces, const int32_t *ids,
                    int64_t n, int32_t last, ac_stop_place *place)
{
    const spoken said = { pieces, ids, n, last };
    ac_stop_place first = { 0 }, one;
    bool found = false;
    size_t size = 0;

    if (strings->count)
        piece_of(&said, n, &size);
    for (int64_t s = 0; s < strings->count; s++)
        for (size_t end = 1; end <= size; end++)
            if (ends_there(&said, ac_texts_at(strings, s), ac_texts_size(strings, s), end,
                           &one) &&
                (!found || is_before(&one, &first))) {
                first = one;
                found = true;
            }
    if (found && place)
        *place = first;
    return found;
}

/* ---- reading ---- */

static void
skip_blanks(const char **p)
{
    *p += strspn(*p, " \t\r\n");
}

static bool
take(const char **p, char c)
{
    skip_blanks(p);
    if (**p != c)
        return false;
    (*p)++;
    return true;
}

static void
push_point(ac_buffer *out, unsigned point)
{
    if (point < 0x80) {
        ac_buffer_push_char(out, (char) point);
        return;
    }
    if (point < 0x800) {
        ac_buffer_push_char(out, (char) (0xc0 | point >> 6));
    } else {
        if (point < 0x10000) {
            ac_buffer_push_char(out, (char) (0xe0 | point >> 12));
        } else {
            ac_buffer_push_char(out, (char) (0xf0 | point >> 18));
            ac_buffer_push_char(out, (char) (0x80 | (point >> 12 & 0x3f)));
        }
        ac_buffer_push_char(out, (char) (0x80 | (point >> 6 & 0x3f)));
    }
    ac_buffer_push_char(out, (char) (0x80 | (point & 0x3f)));
}

/* The four digits of \uXXXX. */
static bool
take_digits(const char **p, unsigned *out)
{
    static const char digits[] = "0123456789abcdef";

    *out = 0;
    for (int i = 0; i < 4; i++, (*p)++) {
        const char c = (char) (**p >= 'A' && **p <= 'F' ? **p | 0x20 : **p),
                   *digit = c ? strchr(digits, c) : NULL;
        if (!digit)
            return false;
        *out = *out << 4 | (unsigned) (digit - digits);
    }
    return true;
}

/* What follows a backslash. */
static bool
take_escape(const char **p, ac_buffer *out)
{
    static const char names[] = "\"\\/bfnrt", said[] = "\"\\/\b\f\n\r\t";
    const char c = **p, *name = c ? strchr(names, c) : NULL;
    unsigned point, low;

    if (!c) /* the text ends here */
        return false;
    (*p)++;
    if (name) {
        ac_buffer_push_char(out, said[name - names]);
        return true;
    }
    if (c != 'u' || !take_digits(p, &point))
        return false;
    if (point >= 0xd800 && point < 0xdc00) {
        if ((*p)[0] != '\\' || (*p)[1] != 'u')
            return false;
        *p += 2;
        if (!take_digits(p, &low) || low < 0xdc00 || low > 0xdfff)
            return false;
        point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
    } else if (point == 0 || (point >= 0xdc00 && point <= 0xdfff)) {
        return false;
    }
    push_point(out, point);
    return true;
}

/* A JSON string that is not empty. */
static bool
take_text(const char **p, ac_buffer *out)
{
    ac_buffer_reset(out);
    if (!take(p, '"'))
        return false;
    while (**p && **p != '"') {
        const size_t size = ac_text_utf8(*p, strlen(*p));
        if (**p == '\\') {
            (*p)++;
            if (!take_escape(p, out))
                return false;
            continue;
        }
        if (size == 0)
            return false;
        ac_buffer_push(out, *p, size);
        *p += size;
    }
    return take(p, '"') && out->size > 0;
}

ac_status
ac_stop_strings_parse(ac_texts *self, const char *text)
{
    const char *p = text;
    ac_buffer one = { 0 };
    bool list, good = true;
    ac_status st = AC_OK;

    ac_texts_free(self);
    list = take(&p, '[');
    if (!list || !take(&p, ']')) {
        do {
            good = take_text(&p, &one);
            AC_TRY(one.status);
            if (good)
                AC_TRY(ac_texts_push(self, one.data, one.size));
        } while (good && list && take(&p, ','));
        good = good && (!list || take(&p, ']'));
    }
    skip_blanks(&p);
    if (!good || *p)
        st = ac_error_set(AC_E_ARG, "is not a text, or a list of texts, none of them empty: "
                                    "[\"The End\", \"\\n\\n\"]");
out:
    ac_buffer_free(&one);
    if (st != AC_OK)
        ac_texts_free(self);
    return st;
}
