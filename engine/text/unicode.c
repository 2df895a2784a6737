#include "engine/text/unicode.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

/* Bytes of the well-formed sequence at p; 0: not well-formed, and *part bytes of it begin one.
 */
static size_t
sequence(const unsigned char *p, size_t n, size_t *part)
{
    size_t length = p[0] < 0x80                    ? 1
                    : p[0] >= 0xc2 && p[0] <= 0xdf ? 2
                    : p[0] >= 0xe0 && p[0] <= 0xef ? 3
                    : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
                                                   : 0;
    unsigned char low = 0x80, high = 0xbf;

    *part = 1;
    if (length < 2)
        return length;
    if (p[0] == 0xe0)
        low = 0xa0;
    if (p[0] == 0xed)
        high = 0x9f;
    if (p[0] == 0xf0)
        low = 0x90;
    if (p[0] == 0xf4)
        high = 0x8f;
    for (size_t i = 1; i < length; i++) {
        if (i == n || p[i] < low || p[i] > high)
            return 0;
        *part = i + 1;
        low = 0x80;
        high = 0xbf;
    }
    return length;
}

ac_status
ac_utf8_check(const char *text, size_t n)
{
    size_t part, length;

    for (size_t i = 0; i < n; i += length) {
        uint64_t eight;
        for (; n - i >= sizeof eight; i += sizeof eight) { /* ASCII, eight bytes at a time */
            memcpy(&eight, text + i, sizeof eight);
            if (eight & 0x8080808080808080u)
                break;
        }
        if (i == n)
            break;
        if (!(length = sequence((const unsigned char *) text + i, n - i, &part)))
            return ac_error_set(AC_E_FORMAT, "not UTF-8 at byte %zu", i);
    }
    return AC_OK;
}

ac_status
ac_utf8_replace(ac_buffer *out, const char *bytes, size_t n)
{
    size_t part;

    for (size_t i = 0; i < n;) {
        size_t length = sequence((const unsigned char *) bytes + i, n - i, &part);
        if (length) {
            ac_buffer_push(out, bytes + i, length);
            i += length;
        } else {
            ac_buffer_push(out, "\xef\xbf\xbd", 3);
            i += part;
        }
    }
    return out->status;
}

int32_t
ac_utf8_next(const char *text, size_t n, size_t *at)
{
    utf8proc_int32_t point = 0;
    utf8proc_ssize_t used = utf8proc_iterate((const utf8proc_uint8_t *) text + *at,
                                             (utf8proc_ssize_t) (n - *at), &point);

    AC_CHECK(used > 0);
    *at += (size_t) used;
    return point;
}

ac_status
ac_utf8_push(ac_buffer *out, int32_t point)
{
    utf8proc_uint8_t bytes[4];
    utf8proc_ssize_t n = utf8proc_encode_char(point, bytes);

    return ac_buffer_push(out, bytes, (size_t) n);
}

bool
ac_unicode_is_space(int32_t point)
{
    utf8proc_category_t c;

    if (point < 0x80)
        return point == ' ' || (point >= '\t' && point <= '\r') ||
               (point >= 0x1c && point <= 0x1f);
    c = utf8proc_category(point);
    return point == 0x85 || c == UTF8PROC_CATEGORY_ZS || c == UTF8PROC_CATEGORY_ZL ||
           c == UTF8PROC_CATEGORY_ZP;
}

bool
ac_unicode_is_white_space(int32_t point)
{
    return ac_unicode_is_space(point) && !(point >= 0x1c && point <= 0x1f);
}

bool
ac_unicode_is_numeric(int32_t point)
{
    const utf8proc_category_t c = utf8proc_category(point);

    return c == UTF8PROC_CATEGORY_ND || c == UTF8PROC_CATEGORY_NL || c == UTF8PROC_CATEGORY_NO;
}

bool
ac_unicode_is_punctuation(int32_t point)
{
    const utf8proc_category_t c = utf8proc_category(point);

    return (point < 0x80 && ispunct(point)) ||
           (c >= UTF8PROC_CATEGORY_PC && c <= UTF8PROC_CATEGORY_PO);
}

static bool
is_cased(int32_t p)
{
    utf8proc_category_t c = utf8proc_category(p);

    return c == UTF8PROC_CATEGORY_LU || c == UTF8PROC_CATEGORY_LL ||
           c == UTF8PROC_CATEGORY_LT || utf8proc_tolower(p) != p || utf8proc_toupper(p) != p ||
           p == 0xaa || p == 0xba;
}

static bool
is_case_ignorable(int32_t p)
{
    utf8proc_category_t c = utf8proc_category(p);

    return c == UTF8PROC_CATEGORY_MN || c == UTF8PROC_CATEGORY_ME ||
           c == UTF8PROC_CATEGORY_CF || c == UTF8PROC_CATEGORY_LM ||
           c == UTF8PROC_CATEGORY_SK || p == '\'' || p == '.' || p == ':' || p == 0xb7 ||
           p == 0x387 || p == 0x55f || p == 0x5f4 || p == 0x2018 || p == 0x2019 ||
           p == 0x2024 || p == 0x2027 || p == 0xfe13 || p == 0xfe52 || p == 0xfe55 ||
           p == 0xff07 || p == 0xff0e || p == 0xff1a;
}

/* Is there no letter behind text[to], case-ignorable ones passed over? Then a sigma before it
 * is a final one. */
static bool
ends_word(const char *text, size_t n, size_t to)
{
    while (to < n) {
        int32_t p = ac_utf8_next(text, n, &to);
        if (!is_case_ignorable(p))
            return !is_cased(p);
    }
    return true;
}

ac_status
ac_unicode_lower(ac_buffer *out, const char *text, size_t n)
{
    bool after_letter = false; /* case-ignorable characters passed over */

    for (size_t i = 0; i < n;) {
        int32_t p = ac_utf8_next(text, n, &i);
        if (p < 0x80)
            ac_buffer_push_char(out, (char) (p >= 'A' && p <= 'Z' ? p + 32 : p));
        else if (p == 0x130)
            ac_buffer_push(out, "i\xcc\x87", 3);
        else if (p == 0x3a3)
            ac_utf8_push(out, after_letter && ends_word(text, n, i) ? 0x3c2 : 0x3c3);
        else
            ac_utf8_push(out, utf8proc_tolower(p));
        if (!is_case_ignorable(p))
            after_letter = is_cased(p);
    }
    return out->status;
}

int32_t
ac_windows_1252_point(int32_t control)
{
    static const uint16_t points[32] = {
        0x20ac, 0x81,   0x201a, 0x192,  0x201e, 0x2026, 0x2020, 0x2021, 0x2c6,  0x2030, 0x160,
        0x2039, 0x152,  0x8d,   0x17d,  0x8f,   0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
        0x2013, 0x2014, 0x2dc,  0x2122, 0x161,  0x203a, 0x153,  0x9d,   0x17e,  0x178,
    };

    AC_CHECK(control >= 0x80 && control <= 0x9f);
    return points[control - 0x80];
}

ac_status
ac_unicode_lower_each(ac_buffer *out, const char *text, size_t n)
{
    for (size_t i = 0; i < n;) {
        const int32_t p = ac_utf8_next(text, n, &i);
        if (p == 0x130)
            ac_buffer_push(out, "i\xcc\x87", 3);
        else
            ac_utf8_push(out, utf8proc_tolower(p));
    }
    return out->status;
}

ac_status
ac_unicode_normalise(ac_buffer *out, const char *text, size_t n, bool compose, bool compatible)
{
    utf8proc_uint8_t *composed = NULL;
    const utf8proc_ssize_t size =
        utf8proc_map((const utf8proc_uint8_t *) text, (utf8proc_ssize_t) n, &composed,
                     UTF8PROC_STABLE | (compose ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE) |
                         (compatible ? UTF8PROC_COMPAT : 0));
    ac_status st;

    if (size < 0)
        return ac_error_set(AC_E_NOMEM, "a text of %zu bytes cannot be normalised: %s", n,
                            utf8proc_errmsg(size));
    st = ac_buffer_push(out, composed, (size_t) size);
    free(composed);
    return st;
}

ac_status
ac_unicode_nfc(ac_buffer *out, const char *text, size_t n)
{
    return ac_unicode_normalise(out, text, n, true, false);
}
