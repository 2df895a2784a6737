/** The n-grams of captions, of 1 to 4 words: counted in one caption, and over captions. */
#ifndef AC_ENGINE_METRICS_WORD_NGRAMS_H
#define AC_ENGINE_METRICS_WORD_NGRAMS_H

#include "engine/metrics/caption_words.h"

enum { AC_NGRAM_MOST = 4 };

/** Words by number; 0 behind the last. */
typedef struct ac_word_ngram {
    int32_t words[AC_NGRAM_MOST];
} ac_word_ngram;

static inline int
ac_word_ngram_length(const ac_word_ngram *g)
{
    return g->words[1] == 0 ? 1 : g->words[2] == 0 ? 2 : g->words[3] == 0 ? 3 : 4;
}

int ac_word_ngram_compare(const ac_word_ngram *a, const ac_word_ngram *b);

/** The different n-grams of a caption with their counts, sorted. Starts zeroed; reused. */
typedef struct ac_ngram_counts {
    ac_word_ngram *ngrams; /* [count] */
    int64_t *times;        /* [count] */
    int64_t count, capacity, times_capacity;
} ac_ngram_counts;

void ac_ngram_counts_free(ac_ngram_counts *self);
AC_MUST_CHECK ac_status ac_ngram_counts_take(ac_ngram_counts *self, ac_words words);

/** In how many images' references each n-gram is. Starts zeroed. */
typedef struct ac_document_frequencies {
    ac_word_ngram *ngrams; /* [size]: a hash table; words[0] 0: free */
    int32_t *counts;       /* [size] */
    int64_t size, count;
    int64_t images;
} ac_document_frequencies;

void ac_document_frequencies_free(ac_document_frequencies *self);
/** Count `times` for an n-gram. */
AC_MUST_CHECK ac_status ac_document_frequencies_add(ac_document_frequencies *self,
                                                    const ac_word_ngram *ngram, int32_t times);
int32_t ac_document_frequencies_of(const ac_document_frequencies *self,
                                   const ac_word_ngram *ngram);
/** Count one image: captions [first, first + count) of `all`. */
AC_MUST_CHECK ac_status ac_document_frequencies_image(ac_document_frequencies *self,
                                                      const ac_caption_words *all,
                                                      int64_t first, int64_t count);

#endif
