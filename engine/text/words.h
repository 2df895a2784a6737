/** Words and lines as the n-gram counts see them. */
#ifndef AC_ENGINE_TEXT_WORDS_H
#define AC_ENGINE_TEXT_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/status.h"

/** What a word needs before it may be compared. */
typedef enum ac_word_case {
    AC_WORD_LOWER = 0,
    AC_WORD_ASCII_UPPER,
    AC_WORD_UNICODE
} ac_word_case;

typedef struct ac_word_span {
    size_t from, to;
    ac_word_case letters; /* only lower-case ASCII; also capitals; beyond ASCII */
} ac_word_span;

/**
 * The next match of `\w+|[^\w\s]+` from text[*at] on, which is moved behind it; false: there is
 * none. \w and \s are Python's: letters, numbers of every kind and "_"; marks are not. text is
 * valid UTF-8. Source: NLTK's wordpunct_tokenize of 2021
 */
bool ac_words_next(const char *text, size_t n, size_t *at, ac_word_span *out);

/**
 * The line from text[*at] on, without its end, which is "\r\n", "\n" or "\r"; *at is moved
 * behind that. false: the text is over. Source: Python's universal newlines
 */
bool ac_lines_next(const char *text, size_t n, size_t *at, size_t *from, size_t *to);

#endif
