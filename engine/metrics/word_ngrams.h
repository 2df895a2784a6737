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
    int64_t *last_image;   /* [count]: the last image that was counted, from 1 */
    int32_t *table;        /* [size]: number + 1; 0: free */
    int64_t count, size, capacity, frequency_capacity, image_capacity;
    int64_t images; /* counted */
} ac_ngram_table;

void ac_ngram_table_free(ac_ngram_table *self);
/** The number of an n-gram; new where it is the first such. */
AC_MUST_CHECK ac_status ac_ngram_table_add(ac_ngram_table *self, const ac_word_ngram *ngram,
                                           int32_t *number);

/** An n-gram of a caption. */
typedef struct ac_ngram_count {
    int32_t number, times;
} ac_ngram_count;

/** The different n-grams of each caption with their counts, sorted by number. Starts zeroed. */
typedef struct ac_caption_ngrams {
    ac_ngram_count *ngrams;
    int64_t *starts; /* [count + 1] */
    int64_t count, capacity, start_capacity;
} ac_caption_ngrams;

void ac_caption_ngrams_free(ac_caption_ngrams *self);
/** Append the n-grams of a caption. */
AC_MUST_CHECK ac_status ac_caption_ngrams_push(ac_caption_ngrams *self, ac_ngram_table *table,
                                               ac_words words);

/** Count one more image: captions [first, first + count) are its references. */
void ac_ngram_table_count_image(ac_ngram_table *self, const ac_caption_ngrams *captions,
                                int64_t first, int64_t count);

#endif
