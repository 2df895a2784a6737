/**
 * Counting words, pairs and triples of words in a bounded amount of memory.
 *
 * Words get numbers; pairs and triples are counted by their numbers in open-addressed tables
 * that grow while the budget allows. Where it does not, the counter hands its content to the
 * caller (ac_ngrams_flush), forgets it, and continues: what was handed over is merged later by
 * hash. The order of counting, and when content is handed over, changes no result.
 */
#ifndef AC_ENGINE_TEXT_NGRAMS_H
#define AC_ENGINE_TEXT_NGRAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/buffer.h"

enum { AC_NGRAM_KINDS = 3 }; /* 0 words, 1 pairs, 2 triples */

typedef struct ac_ngram_word {
    uint64_t hash;   /* XXH3 of its text */
    uint64_t first;  /* position of its first occurrence */
    uint64_t offset; /* of its text */
    uint32_t length, count;
} ac_ngram_word;

typedef struct ac_ngram_slot {
    uint32_t tag, number;
} ac_ngram_slot; /* high bits of the hash; word number + 1, 0: free */
typedef struct ac_ngram_pair {
    uint32_t words[2], count;
} ac_ngram_pair; /* count 0: free */
typedef struct ac_ngram_triple {
    uint32_t words[3], count;
} ac_ngram_triple; /* count 0: free */

struct ac_ngram_counter;
/** Take what self holds (ngram_records.h); it is forgotten after the return. */
typedef ac_status (*ac_ngrams_flush)(void *context, const struct ac_ngram_counter *self);

typedef struct ac_ngram_options {
    bool pairs, triples; /* count them, beside words */
    bool lower;          /* words lower-cased after they were found */
    int64_t memory; /* bytes that the tables may take; never less than about 100 KB is used */
    ac_ngrams_flush flush;
    void *context;
} ac_ngram_options;

/** Starts zeroed. */
typedef struct ac_ngram_counter {
    ac_ngram_options options;
    ac_buffer text; /* of the words, one after the other */
    ac_ngram_word *words;
    ac_ngram_pair *pairs;
    ac_ngram_triple *triples;
    ac_ngram_slot *slots;
    int64_t word_count, word_capacity;
    int64_t slot_capacity; /* a power of two, twice word_capacity */
    int64_t pair_count, pair_capacity, triple_count, triple_capacity;
    uint64_t position;   /* of the next word */
    int64_t since_flush; /* words counted */
    uint32_t before[2];  /* the words before the next one */
    int before_count;
    ac_texts head; /* the first words, at most two, since ac_ngram_counter_begin */
    ac_buffer lowered;
} ac_ngram_counter;

AC_MUST_CHECK ac_status ac_ngram_counter_init(ac_ngram_counter *self,
                                              const ac_ngram_options *options);
void ac_ngram_counter_free(ac_ngram_counter *self);

/** A new stretch of text whose first word has this position; no n-gram spans its beginning. */
void ac_ngram_counter_begin(ac_ngram_counter *self, uint64_t position);
/** No n-gram spans this place. */
void ac_ngram_counter_break(ac_ngram_counter *self);
/** Count the words of a line and the n-grams that end in it. text is valid UTF-8. */
AC_MUST_CHECK ac_status ac_ngram_counter_add(ac_ngram_counter *self, const char *text,
                                             size_t n);
/** Append the last words, at most two. */
AC_MUST_CHECK ac_status ac_ngram_counter_tail(const ac_ngram_counter *self, ac_texts *out);
/** Count one n-gram of k + 1 words (k: 1 or 2) by its words' texts, without counting the words
 * themselves. */
AC_MUST_CHECK ac_status ac_ngram_counter_add_single(ac_ngram_counter *self, int k,
                                                    const ac_texts *words);
/** Forget all that was counted, but not the words before the next one. Its memory is reused. */
AC_MUST_CHECK ac_status ac_ngram_counter_reset(ac_ngram_counter *self);
int64_t ac_ngram_counter_bytes(const ac_ngram_counter *self);

#endif
