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
