#include "io/file/json_value.h"

#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/text.h"
#include "io/file/file_head.h"
#include "io/file/json_write.h"

enum { LONGEST_NUMBER = 64, SAFE_DIGITS = 18, ESCAPE = 6 };

json_t *
ac_json_text_value(const char *text)
{
    ac_buffer json = { 0 };
    json_t *value = ac_json_text(&json, text) == AC_OK
                        ? json_loadb(json.data, json.size, JSON_DECODE_ANY, NULL)
                        : NULL;

    ac_buffer_free(&json);
    return value;
}

/* Bytes of a word that is no JSON, at the beginning of p [n]; 0: there is none. */
static size_t
word_of_python(const char *p, size_t n)
{
    static const char *const words[] = { "-Infinity", "Infinity", "-NaN", "NaN" };

    for (size_t w = 0; w < sizeof words / sizeof *words; w++) {
        const size_t m = strlen(words[w]);
        if (n >= m && memcmp(p, words[w], m) == 0 && (n == m || !isalnum((unsigned char) p[m])))
            return m;
    }
    return 0;
}

/* A number at p [m] as jansson takes it. */
static void
push_number(ac_buffer *out, const char *p, size_t m)
{
    char text[LONGEST_NUMBER + 1] = "";
    const bool whole = !memchr(p, '.', m) && !memchr(p, 'e', m) && !memchr(p, 'E', m);

    memcpy(text, p, m < LONGEST_NUMBER ? m : LONGEST_NUMBER);
    if (m > LONGEST_NUMBER ? whole : !isfinite(strtod(text, NULL)))
        ac_buffer_push_text(out, "null");
    else
        ac_buffer_push(out, p, m);
    if (whole && m > SAFE_DIGITS && m <= LONGEST_NUMBER)
        ac_buffer_push_text(out, ".0");
}

static ac_status
repair(ac_buffer *out, const char *text, size_t n)
{
    bool quoted = false;

    for (size_t i = 0; i < n;) {
        const char c = text[i];
        const size_t word = quoted ? 0 : word_of_python(text + i, n - i);
        size_t m = 0;
        if (word) {
            ac_buffer_push_text(out, "null");
            i += word;
            continue;
        }
        while (!quoted && (isdigit((unsigned char) c) || c == '-') && i + m < n &&
               (isdigit((unsigned char) text[i + m]) || memchr("+-.eE", text[i + m], 5)))
            m++;
        if (m) {
            push_number(out, text + i, m);
            i += m;
            continue;
        }
        if (c == '\\' && quoted && i + 1 < n)
            ac_buffer_push_char(out, text[i++]);
        else
            quoted = quoted != (c == '"');
        ac_buffer_push_char(out, text[i++]);
    }
    return out->status;
}

json_t *
ac_json_parse(const char *text, size_t n, size_t flags, json_error_t *error)
{
    json_t *root = json_loadb(text, n, flags, error);
    ac_buffer repaired = { 0 };

    if (!root && repair(&repaired, text, n) == AC_OK &&
        (repaired.size != n || (n && memcmp(repaired.data, text, n) != 0)))
        root = json_loadb(repaired.data, repaired.size, flags, error);
    ac_buffer_free(&repaired);
    return root;
}

/* The code unit of an escape \uXXXX at the beginning of p [n]; -1: there is none. */
static int
code_unit(const char *p, size_t n)
{
    int unit = 0;

    if (n < ESCAPE || p[0] != '\\' || p[1] != 'u')
        return -1;
    for (int i = 2; i < ESCAPE; i++) {
        const char c = p[i];
        const int digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : -1;
        if (digit < 0)
            return -1;
        unit = 16 * unit + digit;
    }
    return unit;
}

/* How many bytes at p [n] are one character, escape or pair of escapes; *good: a text can have
 * them (with nul: it cannot have \u0000). */
static size_t
character(const char *p, size_t n, bool nul, bool *good)
{
    const size_t length = ac_text_utf8(p, n);
    const int unit = code_unit(p, n);

    *good = true;
    if (unit >= 0xd800 && unit < 0xdc00) {
        const int low = code_unit(p + ESCAPE, n - ESCAPE);
        *good = low >= 0xdc00 && low < 0xe000;
        return *good ? 2 * ESCAPE : ESCAPE;
    }
    *good = !(unit >= 0xdc00 && unit < 0xe000) && !(nul && unit == 0);
    if (unit >= 0)
        return ESCAPE;
    if (p[0] == '\\')
        return n > 1 ? 2 : 1;
    *good = length > 0 || (unsigned char) p[0] < 0x80;
    return length > 0 ? length : 1;
}

ac_status
ac_json_mend_texts(ac_buffer *out, const char *text, size_t n, const char *with, bool nul)
{
    bool inside = false, good;
    size_t begin = 0, at = 0;
    ac_status st = AC_OK;

    while (at < n) {
        const size_t length = inside ? character(text + at, n - at, nul, &good) : 1;
        if (text[at] == '"')
            inside = !inside;
        else if (inside && !good) {
            AC_TRY(ac_buffer_push(out, text + begin, at - begin));
            AC_TRY(ac_buffer_push_text(out, with));
            begin = at + length;
        }
        at += length;
    }
    st = ac_buffer_push(out, text + begin, n - begin);
out:
    return st;
}

/* U+FFFD in place of what no text can be. */
static const char unknown[] = "\\ufffd";

json_t *
ac_json_parse_metadata(const char *text, size_t n)
{
    const size_t mark = n ? ac_head_mark(text, n) : 0;
    ac_buffer mended = { 0 };
    json_t *root;

    text += mark;
    n -= mark;
    root = ac_json_parse(text, n, 0, NULL);
    if (!root && ac_json_mend_texts(&mended, text, n, unknown, true) == AC_OK)
        root = ac_json_parse(mended.data ? mended.data : "", mended.size, 0, NULL);
    ac_buffer_free(&mended);
    if (json_is_object(root))
        return root;
    json_decref(root);
    return NULL;
}

static bool
is_utf8(const char *text, size_t n)
{
    for (size_t at = 0, length; at < n; at += length) {
        length = (unsigned char) text[at] < 0x80 ? 1 : ac_text_utf8(text + at, n - at);
        if (!length)
            return false;
    }
    return true;
}

ac_status
ac_json_keep_metadata(ac_buffer *text)
{
    const size_t mark = text->size ? ac_head_mark(text->data, text->size) : 0;
    ac_buffer raw = { 0 };
    json_t *root = NULL;
    ac_status st = AC_OK;

    ac_buffer_drop(text, mark);
    root = text->size ? ac_json_parse_metadata(text->data, text->size) : NULL;
    if (!root) {
        ac_buffer_reset(text);
    } else if (!is_utf8(text->data, text->size)) {
        AC_TRY(ac_buffer_push(&raw, text->data, text->size));
        ac_buffer_reset(text);
        st = ac_json_mend_texts(text, raw.data, raw.size, unknown, false);
    }
out:
    json_decref(root);
    ac_buffer_free(&raw);
    return st;
}

static void
push_members(ac_buffer *out, const json_t *object)
{
    const char *name, *separator = "";
    json_t *value;

    json_object_foreach((json_t *) (uintptr_t) object, name, value)
    {
        ac_buffer_push_text(out, separator);
        ac_json_text(out, name);
        ac_buffer_push_text(out, ": ");
        ac_json_push(out, value);
        separator = ", ";
    }
}

ac_status
ac_json_push(ac_buffer *out, const json_t *value)
{
    switch (value ? json_typeof(value) : JSON_NULL) {
    case JSON_OBJECT:
        ac_buffer_push_char(out, '{');
        push_members(out, value);
        return ac_buffer_push_char(out, '}');
    case JSON_ARRAY:
        ac_buffer_push_char(out, '[');
        for (size_t i = 0; i < json_array_size(value); i++) {
            ac_buffer_push_text(out, i ? ", " : "");
            ac_json_push(out, json_array_get(value, i));
        }
        return ac_buffer_push_char(out, ']');
    case JSON_STRING:
        return ac_json_string(out, json_string_value(value), json_string_length(value));
    case JSON_INTEGER:
        return ac_buffer_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    case JSON_REAL: return ac_json_double(out, json_real_value(value));
    default:
        return ac_buffer_push_text(out, json_is_true(value)    ? "true"
                                        : json_is_false(value) ? "false"
                                                               : "null");
    }
}
