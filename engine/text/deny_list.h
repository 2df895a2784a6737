/**
 * Phrases that no entry may hold: each is a sequence of words, and an entry is denied where a
 * phrase's words stand in it one after the other, whatever is between them that is no word.
 *
 * Words are compared in normal form KC with case folded ("ADA" in full width is "ada", "Straße"
 * is "strasse"). A word is a run of letters, numbers and "_" with the marks on them; invisible
 * characters count as nothing. In scripts that are
 * written without spaces (Han, kana, Thai, Lao, Burmese, Khmer) each character is a word. A
 * phrase without any word (an emoji) is looked for as it stands.
 */
#ifndef AC_ENGINE_TEXT_DENY_LIST_H
#define AC_ENGINE_TEXT_DENY_LIST_H

#include <stdbool.h>

#include "engine/base/buffer.h"

/** Starts zeroed; owns everything. */
typedef struct ac_deny_list {
    ac_texts phrases;  /* normalised: each word followed by a line feed */
    int64_t *order;    /* [phrases.count]: their numbers, sorted by bytes */
    ac_texts signs;    /* phrases without a word, normalised */
    int64_t words_max; /* of a phrase */
} ac_deny_list;

void ac_deny_list_free(ac_deny_list *self);

/** lines: UTF-8, a phrase each; empty ones count for nothing. Once, on a zeroed list. */
AC_MUST_CHECK ac_status ac_deny_list_init(ac_deny_list *self, const ac_texts *lines);

/** Scratch of ac_deny_list_has. Starts zeroed. */
typedef struct ac_deny_words {
    ac_buffer normal, words;
    size_t *ends; /* of the words in `words` */
    int64_t count, room;
} ac_deny_words;

void ac_deny_words_free(ac_deny_words *self);

/** Is the text [n], UTF-8, denied? Threads each with a scratch of their own. */
AC_MUST_CHECK ac_status ac_deny_list_has(const ac_deny_list *self, ac_deny_words *scratch,
                                         const char *text, size_t n, bool *denied);

#endif
