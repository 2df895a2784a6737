/** Captions as lists of numbered words, which the scores compare. */
#ifndef AC_ENGINE_METRICS_CAPTION_WORDS_H
#define AC_ENGINE_METRICS_CAPTION_WORDS_H

#include <stdbool.h>

#include "engine/base/buffer.h"

/** Words numbered from 1 in the order in which they came. Starts zeroed. */
typedef struct ac_vocabulary {
    ac_texts words; /* word i + 1 */
    int32_t *table; /* [size]; 0: free */
    int64_t size;
} ac_vocabulary;

void ac_vocabulary_free(ac_vocabulary *self);
/** The number of a word; new where it is the first such word. */
AC_MUST_CHECK ac_status ac_vocabulary_add(ac_vocabulary *self, const char *word, size_t n,
                                          int32_t *number);
/** 0: no such word. */
int32_t ac_vocabulary_find(const ac_vocabulary *self, const char *word, size_t n);

/** The words of one caption. */
typedef struct ac_words {
    const int32_t *words;
    int64_t count;
} ac_words;

/**
 * The words of many captions. Starts zeroed.
 * A line of tokens is parted in two ways, as pycocoevalcap does: at blanks of every kind (BLEU,
 * CIDEr), where an empty line has no words, and at single spaces (ROUGE-L), where it has one
 * empty word.
 */
typedef struct ac_caption_words {
    int32_t *words;
    int64_t *starts; /* [2 * count + 1]: caption i's words, and its words at spaces */
    int64_t count, word_capacity, start_capacity;
} ac_caption_words;

void ac_caption_words_free(ac_caption_words *self);
/** Append the caption with these tokens (ac_ptb_tokenize). */
AC_MUST_CHECK ac_status ac_caption_words_push(ac_caption_words *self, ac_vocabulary *vocabulary,
                                              const char *tokens, size_t n);
static inline ac_words
ac_caption_words_at(const ac_caption_words *self, int64_t i)
{
    const int64_t *s = self->starts + 2 * i;

    return (ac_words){ self->words + s[0], s[1] - s[0] };
}
static inline ac_words
ac_caption_words_at_spaces(const ac_caption_words *self, int64_t i)
{
    const int64_t *s = self->starts + 2 * i + 1;

    return (ac_words){ self->words + s[0], s[1] - s[0] };
}

#endif
