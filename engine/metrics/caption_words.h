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
 * A line of tokens is split in two ways, as pycocoevalcap does: at blanks of every kind (BLEU,
 * CIDEr), where an empty line has no words, and at single spaces (ROUGE-L), where it has one
 * empty word.
 */
typedef struct ac_caption_words {
    int32_t *words;
    struct ac_caption_span {
        int64_t start, count;               /* its words, in `words` */
        int64_t spaces_start, spaces_count; /* its words at spaces: mostly the same ones */
    } * spans;                              /* [count] */
    int64_t count, span_capacity;
    int64_t word_count, word_capacity;
} ac_caption_words;

void ac_caption_words_free(ac_caption_words *self);
/** Append the caption with these tokens (ac_ptb_tokenize). */
AC_MUST_CHECK ac_status ac_caption_words_push(ac_caption_words *self, ac_vocabulary *vocabulary,
                                              const char *tokens, size_t n);

/** No captions, memory kept. */
void ac_caption_words_reset(ac_caption_words *self);

/**
 * Make room for captions [count] of other, and give their place: a later
 * ac_caption_words_fill of each part, by any thread, completes them.
 */
AC_MUST_CHECK ac_status ac_caption_words_reserve(ac_caption_words *self,
                                                 const ac_caption_words *other);

/** Fill what was reserved: captions from `first`, words from `first_word`. numbers: of other's
 * words in the vocabulary of self, [words of its vocabulary]. */
void ac_caption_words_fill(ac_caption_words *self, int64_t first, int64_t first_word,
                           const ac_caption_words *other, const int32_t *numbers);

static inline ac_words
ac_caption_words_at(const ac_caption_words *self, int64_t i)
{
    return (ac_words){ self->words + self->spans[i].start, self->spans[i].count };
}
static inline ac_words
ac_caption_words_at_spaces(const ac_caption_words *self, int64_t i)
{
    return (ac_words){ self->words + self->spans[i].spaces_start, self->spans[i].spaces_count };
}

#endif
