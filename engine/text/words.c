#include "engine/text/words.h"

#include <stdint.h>
#include <string.h>
#include <utf8proc.h>

#include "engine/text/unicode.h"

typedef enum class { SPACE = 0, LETTER = 1, OTHER = 2 } class;

/* Bit 0: a letter, digit or "_"; bit 1: neither that nor white space; bit 2: a capital. */
enum { ASCII_LETTER = 1, ASCII_OTHER = 2, ASCII_CAPITAL = 5 };
#define S 0
#define L ASCII_LETTER
#define O ASCII_OTHER
#define C ASCII_CAPITAL
static const uint8_t ascii[128] = {
    O, O, O, O, O, O, O, O, O, S, S, S, S, S, O, O, O, O, O, O, O, O, O, O, O, O,
    O, O, S, S, S, S, S, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, L, L, L, L,
    L, L, L, L, L, L, O, O, O, O, O, O, O, C, C, C, C, C, C, C, C, C, C, C, C, C,
    C, C, C, C, C, C, C, C, C, C, C, C, C, O, O, O, O, L, O, L, L, L, L, L, L, L,
    L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, O, O, O, O, O,
};
#undef S
#undef L
#undef O
#undef C

static class class_of_point(int32_t p)
{
    const utf8proc_category_t c = utf8proc_category(p);

    if ((c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_LO) ||
        (c >= UTF8PROC_CATEGORY_ND && c <= UTF8PROC_CATEGORY_NO))
        return LETTER;
    return ac_unicode_is_space(p) ? SPACE : OTHER;
}

/* The class of the character at text[*at], which is moved behind it; *letters is raised where
 * it needs more. */
static class read_class(const char *text, size_t n, size_t *at, ac_word_case *letters)
{
    const unsigned char c = (unsigned char) text[*at];

    if (c < 0x80) {
        if (ascii[c] == ASCII_CAPITAL && *letters == AC_WORD_LOWER)
            *letters = AC_WORD_ASCII_UPPER;
        (*at)++;
        return (class)(ascii[c] & 3);
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
