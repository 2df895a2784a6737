#include "io/file/json_value.h"

#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "io/file/json_write.h"

enum { LONGEST_NUMBER = 64, SAFE_DIGITS = 18 };

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
