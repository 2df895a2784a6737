#include "engine/base/text.h"

#include <string.h>

bool
ac_text_ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);

    return n >= m && memcmp(text + n - m, end, m) == 0;
}

bool
ac_text_is(const char *bytes, size_t n, const char *text)
{
    return strlen(text) == n && (n == 0 || memcmp(bytes, text, n) == 0);
}

int
ac_bytes_compare(const void *a, size_t n, const void *b, size_t m)
{
    const size_t least = n < m ? n : m;
    const int order = least ? memcmp(a, b, least) : 0;

    return order ? order : (n > m) - (n < m);
}

size_t
ac_text_utf8(const char *bytes, size_t n)
{
    const unsigned char *c = (const unsigned char *) bytes;
    unsigned least = 0x80, most = 0xbf; /* of the second byte */
    size_t size;

    if (n == 0)
        return 0;
    if (c[0] < 0x80)
        return 1;
    size = c[0] < 0xc2 ? 0 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : c[0] < 0xf5 ? 4 : 0;
    if (c[0] == 0xe0)
        least = 0xa0;
    else if (c[0] == 0xed)
        most = 0x9f; /* above: surrogates */
    else if (c[0] == 0xf0)
        least = 0x90;
    else if (c[0] == 0xf4)
        most = 0x8f;
    if (size == 0 || size > n || c[1] < least || c[1] > most)
        return 0;
    for (size_t i = 2; i < size; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    return size;
}

ac_status
ac_text_push_utf8(ac_buffer *out, const char *bytes, size_t n)
{
    for (size_t i = 0, size; i < n; i += size ? size : 1) {
        size = ac_text_utf8(bytes + i, n - i);
        if (size)
            ac_buffer_push(out, bytes + i, size);
        else
            ac_buffer_push_text(out, "\xef\xbf\xbd");
    }
    return out->status;
}

size_t
ac_text_line_end(const char *bytes, size_t n)
{
    const unsigned char *p = (const unsigned char *) bytes;

    if (n && ((p[0] >= 0x0a && p[0] <= 0x0d) || (p[0] >= 0x1c && p[0] <= 0x1e)))
        return 1;
    if (n > 1 && p[0] == 0xc2 && p[1] == 0x85)
        return 2;
    return n > 2 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9) ? 3 : 0;
}

/* U+2028 to U+202E and U+2066 to U+2069: they end lines, or show what follows the other way
 * round. */
static size_t
layout(const char *bytes, size_t n)
{
    const unsigned char *p = (const unsigned char *) bytes;

    if (n < 3 || p[0] != 0xe2)
        return 0;
    return (p[1] == 0x80 && p[2] >= 0xa8 && p[2] <= 0xae) ||
                   (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9)
               ? 3
               : 0;
}

size_t
ac_text_control(const char *bytes, size_t n)
{
    const size_t size = ac_text_utf8(bytes, n);
    const unsigned char c = n ? (unsigned char) bytes[0] : ' ';

    if (size == 0)
        return n ? 1 : 0;
    if (size == 2 && c == 0xc2 && (unsigned char) bytes[1] < 0xa0)
        return 2; /* C1 */
    return (c < 0x20 && c != '\t') || c == 0x7f;
}

size_t
ac_text_obeyed(const char *bytes, size_t n)
{
    const size_t control = ac_text_control(bytes, n);

    return control ? control : layout(bytes, n);
}

ac_status
ac_text_push_visible(ac_buffer *out, const char *bytes, size_t n)
{
    size_t from = 0, control;

    for (size_t i = 0; i < n; i += control ? control : ac_text_utf8(bytes + i, n - i)) {
        control = ac_text_obeyed(bytes + i, n - i);
        if (!control)
            continue;
        ac_buffer_push(out, bytes + from, i - from);
        from = i + control;
        if (bytes[i] == '\n' || bytes[i] == '\r')
            ac_buffer_push_text(out, bytes[i] == '\n' ? "\\n" : "\\r");
        else
            for (size_t k = i; k < from; k++)
                ac_buffer_printf(out, "\\x%02x", (unsigned char) bytes[k]);
    }
    return ac_buffer_push(out, bytes + from, n - from);
}
