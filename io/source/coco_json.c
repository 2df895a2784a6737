#include "io/source/coco_json.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "engine/base/buffer.h"
#include "engine/text/unicode.h"
#include "io/file/file_head.h"
#include "io/file/json_value.h"
#include "io/file/map.h"

/* In place of what no text can hold. */
#define NOTHING "\\u0000"

enum { FLAGS = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, ESCAPE = 6 };

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

/* How many bytes at p [n] are one character, escape or pair of escapes; *good: JSON can have
 * them. */
static size_t
character(const char *p, size_t n, bool *good)
{
    const unsigned char c = (unsigned char) p[0];
    const size_t length = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
    const int unit = code_unit(p, n);

    *good = true;
    if (unit >= 0xd800 && unit < 0xdc00) {
        const int low = code_unit(p + ESCAPE, n - ESCAPE);
        *good = low >= 0xdc00 && low < 0xe000;
        return *good ? 2 * ESCAPE : ESCAPE;
    }
    *good = !(unit >= 0xdc00 && unit < 0xe000);
    if (unit >= 0)
        return ESCAPE;
    if (c == '\\')
        return n > 1 ? 2 : 1;
    if (c < 0x80)
        return 1;
    *good = length > 1 && length <= n && ac_utf8_check(p, length) == AC_OK;
    return *good ? length : 1;
}

/* Inside of texts, what JSON cannot have becomes NOTHING. */
static ac_status
repair(ac_buffer *out, const char *text, size_t n)
{
    bool inside = false, good;
    size_t begin = 0, at = 0;
    ac_status st = AC_OK;

    while (at < n) {
        const size_t length = inside ? character(text + at, n - at, &good) : 1;
        if (text[at] == '"')
            inside = !inside;
        else if (inside && !good) {
            AC_TRY(ac_buffer_push(out, text + begin, at - begin));
            AC_TRY(ac_buffer_push_text(out, NOTHING));
            begin = at + length;
        }
        at += length;
    }
    st = ac_buffer_push(out, text + begin, n - begin);
out:
    return st;
}

ac_status
ac_coco_json_read(json_t **out, const char *path)
{
    ac_map map = { 0 };
    ac_buffer repaired = { 0 };
    json_error_t error;
    const char *text;
    size_t n;
    ac_status st = AC_OK;

    *out = NULL;
    AC_TRY(ac_map_open(&map, path));
    AC_TRY(ac_head_check_text(path, map.data, map.size));
    n = map.size - ac_head_mark(map.data, map.size);
    text = map.size ? (const char *) map.data + map.size - n : "";
    if ((*out = ac_json_parse(text, n, FLAGS, &error)))
        goto out;
    AC_TRY(repair(&repaired, text, n));
    if (repaired.size != n || memcmp(repaired.data, text, n) != 0)
        *out = ac_json_parse(repaired.data, repaired.size, FLAGS, &error);
    if (!*out)
        st = ac_error_set(AC_E_FORMAT, "%s: line %d: not JSON: %s", path, error.line,
                          error.text);
out:
    ac_map_close(&map);
    ac_buffer_free(&repaired);
    return st;
}
