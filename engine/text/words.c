#include "engine/text/words.h"

#include <stdint.h>
#include <string.h>
#include <utf8proc.h>

#include "engine/text/unicode.h"

typedef enum class { SPACE = 0, LETTER, OTHER } class;

static class
class_of_ascii(unsigned char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_')
        return LETTER;
    return c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1c && c <= 0x1f) ? SPACE : OTHER;
}

static class
class_of_point(int32_t p)
{
    const utf8proc_category_t c = utf8proc_category(p);

    if ((c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_LO) || (c >= UTF8PROC_CATEGORY_ND && c <= UTF8PROC_CATEGORY_NO))
        return LETTER;
    return ac_unicode_is_space(p) ? SPACE : OTHER;
}

/* The class of the character at text[*at], which is moved behind it; *letters is raised where it needs more. */
static class
read_class(const char *text, size_t n, size_t *at, ac_word_case *letters)
{
    const unsigned char c = (unsigned char) text[*at];

    if (c < 0x80) {
        if (c >= 'A' && c <= 'Z' && *letters == AC_WORD_LOWER)
            *letters = AC_WORD_ASCII_UPPER;
        (*at)++;
        return class_of_ascii(c);
    }
    *letters = AC_WORD_UNICODE;
    return class_of_point(ac_utf8_next(text, n, at));
}

bool
ac_words_next(const char *text, size_t n, size_t *at, ac_word_span *out)
{
    class first = SPACE;
    size_t next = *at;

    while (first == SPACE) {
        if (next == n) {
            *at = n;
            return false;
        }
        out->from = next;
        out->letters = AC_WORD_LOWER;
        first = read_class(text, n, &next, &out->letters);
    }
    for (*at = next; next < n; *at = next) {
        ac_word_case letters = out->letters;
        if (read_class(text, n, &next, &letters) != first)
            break;
        out->letters = letters;
    }
    out->to = *at;
    return true;
}

bool
ac_lines_next(const char *text, size_t n, size_t *at, size_t *from, size_t *to)
{
    const char *start = text + *at, *feed, *carriage;
    size_t length;

    if (*at >= n)
        return false;
    feed = memchr(start, '\n', n - *at);
    length = feed ? (size_t) (feed - start) : n - *at;
    carriage = memchr(start, '\r', length);
    if (carriage)
        length = (size_t) (carriage - start);
    *from = *at;
    *to = *at + length;
    *at = *to + 1;
    if (carriage && *at < n && text[*at] == '\n')
        (*at)++;
    if (*at > n)
        *at = n;
    return true;
}
