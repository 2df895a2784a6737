#include "io/file/path_set.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/file/file_look.h"

enum { MOST_PATHS = 1000000, MOST_DIGITS = 15 };

/* A brace's content between `open` and the brace that closes it; NULL: it stands for itself. */
static const char *
closing_brace(const char *open, const char *end)
{
    const char *close = memchr(open, '}', (size_t) (end - open));
    const size_t n = close ? (size_t) (close - open) : 0;

    return close && (memchr(open, ',', n) || memmem(open, n, "..", 2)) ? close : NULL;
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

static bool
parse_bound(const char *text, size_t n, int64_t *value)
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
    const char *dots = memmem(open + 1, (size_t) (close - open - 1), "..", 2);
    const size_t first_size = (size_t) (dots - open - 1),
                 last_size = (size_t) (close - dots - 2);
    int64_t first, last;
    int width;
    ac_status st = AC_OK;

    if (!parse_bound(open + 1, first_size, &first) || !parse_bound(dots + 2, last_size, &last))
        return ac_error_set(AC_E_ARG, "\"%.*s\" is no range of numbers, such as {00000..00041}",
                            (int) (close - open + 1), open);
    if (last < first || last - first >= MOST_PATHS)
        return ac_error_set(AC_E_ARG, "\"%.*s\": %s", (int) (close - open + 1), open,
                            last < first ? "the range ends before it begins"
                                         : "more than a million paths");
    width = (open[1] == '0' && first_size > 1) || (dots[2] == '0' && last_size > 1)
                ? (int) (first_size > last_size ? first_size : last_size)
                : 1;
    for (int64_t i = first; i <= last && st == AC_OK; i++) {
        char value[32];
        const int n = snprintf(value, sizeof value, "%0*lld", width, (long long) i);
        st = expand_one(text, (size_t) (open - text), value, (size_t) n, close + 1,
                        (size_t) (end - close - 1), out);
    }
    return st;
}

static ac_status
expand_list(const char *text, const char *open, const char *close, const char *end,
            ac_texts *out)
{
    ac_status st = AC_OK;

    for (const char *at = open + 1; at <= close && st == AC_OK;) {
        const char *comma = memchr(at, ',', (size_t) (close - at));
        const char *stop = comma ? comma : close;
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

    if (out->count >= MOST_PATHS)
        return ac_error_set(AC_E_ARG, "more than a million paths");
    if (!open)
        return ac_texts_push(out, text, n);
    return memchr(open, ',', (size_t) (close - open))
               ? expand_list(text, open, close, end, out)
               : expand_range(text, open, close, end, out);
}

ac_status
ac_path_set_expand(const char *text, ac_texts *out)
{
    ac_status st = AC_OK;

    for (const char *at = text; st == AC_OK;) {
        const char *next = strstr(at, "::");
        const size_t n = next ? (size_t) (next - at) : strlen(at);
        if (n == 0)
            return ac_error_set(AC_E_ARG, "\"%s\": an empty path before or behind \"::\"",
                                text);
        st = expand(at, n, out);
        if (!next)
            break;
        at = next + 2;
    }
    return st;
}

ac_status
ac_path_set_resolve(char **out, const char *folder, const char *text)
{
    ac_buffer whole = { 0 };

    *out = NULL;
    for (const char *at = text;;) {
        const char *next = strstr(at, "::");
        if (*at != '/')
            ac_buffer_push_text(&whole, folder);
        if (!next) {
            ac_buffer_push_text(&whole, at);
            break;
        }
        ac_buffer_push(&whole, at, (size_t) (next - at) + 2);
        at = next + 2;
    }
    if (whole.status != AC_OK) {
        ac_buffer_free(&whole);
        return ac_error_set(AC_E_NOMEM, "out of memory for a path");
    }
    *out = whole.data;
    return AC_OK;
}
