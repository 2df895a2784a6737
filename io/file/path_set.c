#include "io/file/path_set.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/file/file_look.h"

enum { MOST_PATHS = 1000000, MOST_DIGITS = 15 };
#define BLANKS " \t\r\n"

/* Of a brace at `open`: the one that closes it, and whether a comma is in it but in no brace
 * inside of it. NULL: none closes it. */
static const char *
matching_brace(const char *open, const char *end, bool *comma)
{
    int depth = 0;

    *comma = false;
    for (const char *p = open; p < end; p++) {
        depth += (*p == '{') - (*p == '}');
        if (depth == 0)
            return p;
        *comma = *comma || (depth == 1 && *p == ',');
    }
    return NULL;
}

/* A brace that holds several; NULL: it stands for itself. */
static const char *
closing_brace(const char *open, const char *end)
{
    bool comma;
    const char *close = matching_brace(open, end, &comma);
    const char *inner = close ? memchr(open + 1, '{', (size_t) (close - open)) : NULL;
    const size_t n = close ? (size_t) ((inner ? inner : close) - open) : 0;

    return close && (comma || memmem(open, n, "..", 2)) ? close : NULL;
}

/* The first brace in [text, end) that stands for several; NULL: none. */
static const char *
first_brace(const char *text, const char *end, const char **close)
{
    for (const char *open = text; (open = memchr(open, '{', (size_t) (end - open))); open++)
        if ((*close = closing_brace(open, end)))
            return open;
    return NULL;
}

bool
ac_path_set_is(const char *text)
{
    const char *close;

    return (strstr(text, "::") || first_brace(text, text + strlen(text), &close)) &&
           !ac_file_is_there(text);
}

/* What a range counts: numbers, or letters. */
typedef struct range {
    int64_t first, last, step;
    int width;   /* of a number, with zeros in front */
    bool letter; /* first and last are letters */
} range;

static bool
parse_number(const char *text, size_t n, int64_t *value)
{
    *value = 0;
    if (n == 0 || n > MOST_DIGITS)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *value = 10 * *value + (text[i] - '0');
    }
    return true;
}

static bool
is_letter(const char *text, size_t n)
{
    return n == 1 && ((*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z'));
}

/* FIRST..LAST or FIRST..LAST..STEP, between the braces. */
static bool
parse_range(const char *text, size_t n, range *out)
{
    const char *dots = memmem(text, n, "..", 2), *last = dots + 2, *more;
    const size_t m = (size_t) (dots - text);
    size_t k = n - m - 2;

    *out = (range){ .step = 1, .width = 1 };
    more = memmem(last, k, "..", 2);
    if (more) {
        if (!parse_number(more + 2, (size_t) (last + k - more - 2), &out->step) || !out->step)
            return false;
        k = (size_t) (more - last);
    }
    if (is_letter(text, m) && is_letter(last, k)) {
        out->first = *text;
        out->last = *last;
        out->letter = true;
        return true;
    }
    if ((*text == '0' && m > 1) || (*last == '0' && k > 1))
        out->width = (int) (m > k ? m : k);
    return parse_number(text, m, &out->first) && parse_number(last, k, &out->last);
}

static ac_status expand(const char *text, size_t n, ac_texts *out);

/* What stands before a brace, one of its values, and what stands behind. */
static ac_status
expand_one(const char *before, size_t n, const char *value, size_t m, const char *behind,
           size_t k, ac_texts *out)
{
    ac_buffer text = { 0 };
    ac_status st;

    ac_buffer_push(&text, before, n);
    ac_buffer_push(&text, value, m);
    ac_buffer_push(&text, behind, k);
    st = text.status == AC_OK ? expand(text.data, text.size, out) : text.status;
    ac_buffer_free(&text);
    return st;
}

static ac_status
expand_range(const char *text, const char *open, const char *close, const char *end,
             ac_texts *out)
{
    const int shown = (int) (close - open + 1);
    range r;
    int64_t count;
    ac_status st = AC_OK;

    if (!parse_range(open + 1, (size_t) (close - open - 1), &r))
        return ac_error_set(AC_E_ARG,
                            "\"%.*s\" is no range of numbers or letters, such as "
                            "{00000..00041}, {0..40..2}, {a..f}",
                            shown, open);
    count = (r.last < r.first ? r.first - r.last : r.last - r.first) / r.step + 1;
    if (count > MOST_PATHS)
        return ac_error_set(AC_E_ARG, "\"%.*s\": more than a million paths", shown, open);
    for (int64_t i = 0; i < count && st == AC_OK; i++) {
        const int64_t at = r.last < r.first ? r.first - i * r.step : r.first + i * r.step;
        char value[32];
        const int n = r.letter
                          ? snprintf(value, sizeof value, "%c", (int) at)
                          : snprintf(value, sizeof value, "%0*lld", r.width, (long long) at);
        st = expand_one(text, (size_t) (open - text), value, (size_t) n, close + 1,
                        (size_t) (end - close - 1), out);
    }
    return st;
}

static ac_status
expand_list(const char *text, const char *open, const char *close, const char *end,
            ac_texts *out)
{
    int depth = 1;
    ac_status st = AC_OK;

    for (const char *at = open + 1, *stop = at; at <= close && st == AC_OK; stop++) {
        depth += (*stop == '{') - (*stop == '}');
        if (stop < close && (depth > 1 || *stop != ','))
            continue;
        st = expand_one(text, (size_t) (open - text), at, (size_t) (stop - at), close + 1,
                        (size_t) (end - close - 1), out);
        at = stop + 1;
    }
    return st;
}

static ac_status
expand(const char *text, size_t n, ac_texts *out)
{
    const char *end = text + n, *close, *open = first_brace(text, end, &close);
    bool comma;

    if (out->count >= MOST_PATHS)
        return ac_error_set(AC_E_ARG, "more than a million paths");
    if (!open)
        return ac_texts_push(out, text, n);
    matching_brace(open, end, &comma);
    return comma ? expand_list(text, open, close, end, out)
                 : expand_range(text, open, close, end, out);
}

/* The next of the paths that "::" joins, without blanks at its ends; *at: what follows, NULL:
 * nothing. */
static const char *
next_path(const char **at, size_t *n)
{
    const char *path = *at + strspn(*at, BLANKS), *next = strstr(path, "::");

    *n = next ? (size_t) (next - path) : strlen(path);
    while (*n && strchr(BLANKS, path[*n - 1]))
        --*n;
    *at = next ? next + 2 : NULL;
    return path;
}

ac_status
ac_path_set_expand(const char *text, ac_texts *out)
{
    ac_status st = AC_OK;

    for (const char *at = text; at && st == AC_OK;) {
        size_t n;
        const char *path = next_path(&at, &n);
        if (n == 0)
            return ac_error_set(AC_E_ARG, "\"%s\": an empty path before or behind \"::\"",
                                text);
        st = expand(path, n, out);
    }
    return st;
}

ac_status
ac_path_set_resolve(char **out, const char *folder, const char *text)
{
    ac_buffer whole = { 0 };

    *out = NULL;
    for (const char *at = text; at;) {
        size_t n;
        const char *path = next_path(&at, &n);
        if (n && *path != '/')
            ac_buffer_push_text(&whole, folder);
        ac_buffer_push(&whole, path, n);
        ac_buffer_push_text(&whole, at ? "::" : "");
    }
    if (whole.status != AC_OK) {
        ac_buffer_free(&whole);
        return ac_error_set(AC_E_NOMEM, "out of memory for a path");
    }
    *out = whole.data;
    return AC_OK;
}
