/** The n-grams of captions, of 1 to 4 words: numbered, counted in each caption, and how many
 * images have them. */
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

/** N-grams numbered from 0 in the order in which they came; and in how many images' references
 * each is. Starts zeroed. */
typedef struct ac_ngram_table {
    ac_word_ngram *ngrams; /* [count] */
    int32_t *frequencies;  /* [count]: images */
    int32_t *table;        /* [size]: number + 1; 0: free. Made by the first _add */
    int64_t count, size, capacity, frequency_capacity;
    int64_t images; /* counted */
} ac_ngram_table;

void ac_ngram_table_free(ac_ngram_table *self);
/** The number of an n-gram; new where it is the first such. */
AC_MUST_CHECK ac_status ac_ngram_table_add(ac_ngram_table *self, const ac_word_ngram *ngram,
                                           int32_t *number);

/** An n-gram of a caption. */
typedef struct ac_ngram_count {
    int32_t number;
    uint32_t times : 29, length : 3; /* length: words */
} ac_ngram_count;

/** The different n-grams of each caption with their counts, sorted by number. Starts zeroed. */
typedef struct ac_caption_ngrams {
    ac_ngram_count *all;
    int64_t *starts; /* [count + 1]: in `all` */
    int64_t *counts; /* [count] */
    int64_t count;
} ac_caption_ngrams;

/** Those of one caption. */
typedef struct ac_ngrams {
    const ac_ngram_count *ngrams;
    int64_t count;
} ac_ngrams;

static inline ac_ngrams
ac_caption_ngrams_at(const ac_caption_ngrams *self, int64_t caption)
{
    return (ac_ngrams){ self->all + self->starts[caption], self->counts[caption] };
}

void ac_caption_ngrams_free(ac_caption_ngrams *self);

/**
 * The n-grams of all captions. Works in OpenMP's threads; the numbers are those of the n-grams'
 * first occurrences, whatever the number of threads. Memory: 32 bytes per word and 20 per
 * different n-gram; for a time 24 more per word and 64 per different one of one length.
 * @param[out] self   starts zeroed
 * @param[out] table  starts zeroed
 * @return AC_E_NOMEM; AC_E_LIMIT with more than 2^30 words, or 2^28 in one caption
 */
AC_MUST_CHECK ac_status ac_caption_ngrams_find(ac_caption_ngrams *self, ac_ngram_table *table,
                                               const ac_caption_words *words);

#endif
