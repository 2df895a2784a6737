#include "engine/text/html_unescape.h"

#include <stdbool.h>
#include <string.h>

#include "engine/text/unicode.h"

enum { SEMICOLON = 1, BARE = 2, CAPITALS = 4 };
enum {
    LONGEST_NAME = 32,
    LONGEST_STRICT = 24,
    BEYOND_UNICODE = 0x110000,
    REPLACEMENT = 0xfffd
};

typedef struct entity {
    const char *name, *text;
    int forms;
} entity;

static const entity entities[] = {
#include "engine/text/html_entities.inc"
};

enum { ENTITIES = sizeof entities / sizeof *entities };

/* The entity of this name that has one of these forms; NULL: none. */
static const entity *
find_entity(const char *name, size_t n, int forms)
{
    size_t low = 0, high = ENTITIES;

    while (low < high) {
        const size_t middle = (low + high) / 2;
        const char *other = entities[middle].name;
        const size_t m = strlen(other);
        int order = memcmp(name, other, n < m ? n : m);
        if (order == 0)
            order = (n > m) - (n < m);
        if (order == 0)
            return entities[middle].forms & forms ? &entities[middle] : NULL;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static int
digit_of(char c, int base)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (base == 16 && c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (base == 16 && c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool
is_noncharacter_reference(int32_t p)
{
    return (p >= 1 && p <= 8) || p == 0xb || (p >= 0xe && p <= 0x1f) || p == 0x7f ||
           (p >= 0xfdd0 && p <= 0xfdef) || (p & 0xfffe) == 0xfffe;
}

/* What the number of a reference stands for, by the rules of HTML5. */
static void
push_number(ac_buffer *out, int32_t p)
{
    if (p >= 0x80 && p <= 0x9f)
        ac_utf8_push(out, ac_windows_1252_point(p));
    else if (p == 0 || (p >= 0xd800 && p <= 0xdfff) || p >= BEYOND_UNICODE)
        ac_utf8_push(out, REPLACEMENT);
    else if (!is_noncharacter_reference(p))
        ac_utf8_push(out, p);
}

/* Digits behind "&#" at text[at]. Returns the place behind them (and a ";"); 0: this is no
 * number. */
static size_t
read_number(const char *text, size_t n, size_t at, int32_t *point)
{
    const int base = at < n && (text[at] == 'x' || text[at] == 'X') ? 16 : 10;
    size_t first;

    *point = 0;
    first = at += base == 16;
    for (int digit; at < n && (digit = digit_of(text[at], base)) >= 0; at++)
        *point = *point < BEYOND_UNICODE ? *point * base + digit : BEYOND_UNICODE;
    if (at == first)
        return 0;
    return at + (at < n && text[at] == ';');
}

static bool
ends_name(char c)
{
    static const char ends[] = { '\t', '\n', '\f', ' ', '<', '&', '#', ';' };

    return memchr(ends, c, sizeof ends) != NULL;
}

/* Name characters from text[at] on, at most LONGEST_NAME code points. Returns the place behind
 * them. */
static size_t
skip_name(const char *text, size_t n, size_t at)
{
    for (int points = 0; at < n && points < LONGEST_NAME && !ends_name(text[at]); points++)
        ac_utf8_next(text, n, &at);
    return at;
}

/* A named reference whose "&" is at text[at]. Returns the place behind what was used; 0: no
 * reference. */
static size_t
replace_name(ac_buffer *out, const char *text, size_t n, size_t at)
{
    const char *name = text + at + 1;
    const size_t end = skip_name(text, n, at + 1), length = end - at - 1;
    const entity *found = NULL;

    if (end < n && text[end] == ';' && (found = find_entity(name, length, SEMICOLON))) {
        ac_buffer_push_text(out, found->text);
        return end + 1;
    }
    for (size_t m = length; m > 1; m--) {
        if ((found = find_entity(name, m, BARE))) {
            ac_buffer_push_text(out, found->text);
            return at + 1 + m;
        }
    }
    return 0;
}

ac_status
ac_html_unescape(ac_buffer *out, const char *text, size_t n)
{
    for (size_t at = 0; at < n;) {
        const char *ampersand = memchr(text + at, '&', n - at);
        const size_t from = ampersand ? (size_t) (ampersand - text) : n;
        size_t next = 0;
        int32_t point;

        ac_buffer_push(out, text + at, from - at);
        if (from == n)
            break;
        if (from + 1 < n && text[from + 1] == '#') {
            if ((next = read_number(text, n, from + 2, &point)))
                push_number(out, point);
        } else {
            next = replace_name(out, text, n, from);
        }
        if (!next) {
            ac_buffer_push_char(out, '&');
            next = from + 1;
        }
        at = next;
    }
    return out->status;
}

static bool
is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The length of "&name;" or "&#number;" at p, with the ";"; 0: none. */
static size_t
strict_length(const char *p, size_t n)
{
    const size_t first = n > 1 && p[1] == '#' ? 2 : 1;
    size_t i = first;

    while (i < n && i - first < LONGEST_STRICT && is_alphanumeric(p[i]))
        i++;
    return i > first && i < n && p[i] == ';' ? i + 1 : 0;
}

static void
replace_strict(ac_buffer *out, const char *p, size_t length)
{
    const entity *found;
    int32_t point;

    if (p[1] == '#') {
        /* not "&#59;": what still holds a ";" afterwards stays as it was */
        if (read_number(p, length, 2, &point) == length && point != ';')
            push_number(out, point);
        else
            ac_buffer_push(out, p, length);
    } else if ((found = find_entity(p + 1, length - 2, SEMICOLON | CAPITALS))) {
        ac_buffer_push_text(out, found->text);
    } else {
        ac_buffer_push(out, p, length);
    }
}

ac_status
ac_html_unescape_strict(ac_buffer *out, const char *text, size_t n)
{
    for (size_t at = 0; at < n;) {
        const char *ampersand = memchr(text + at, '&', n - at);
        const size_t from = ampersand ? (size_t) (ampersand - text) : n;
        size_t length;

        ac_buffer_push(out, text + at, from - at);
        if (from == n)
            break;
        length = strict_length(text + from, n - from);
        if (length)
            replace_strict(out, text + from, length);
        else
            ac_buffer_push_char(out, '&');
        at = from + (length ? length : 1);
    }
    return out->status;
}
