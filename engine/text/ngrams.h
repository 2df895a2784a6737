/**
 * Counting words, pairs and triples of words in a bounded amount of memory.
 *
 * Words get numbers; pairs and triples are counted by their numbers in open-addressed tables
 * that grow while the budget allows. Where it does not, the counter hands its content to the
 * caller (ac_ngrams_flush), forgets it, and goes on: what was handed over is merged later by
 * hash. The order of counting, and when content is handed over, changes no result.
 */
#ifndef AC_ENGINE_TEXT_NGRAMS_H
#define AC_ENGINE_TEXT_NGRAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/buffer.h"

enum { AC_NGRAM_KINDS = 3, AC_NGRAM_PREFIXES = 4096 };

/** Content groups: an n-gram belongs to the prefix that the top 12 bits of its hash give, the
 * same in every process. */
typedef struct ac_ngram_order {
    uint32_t *places[AC_NGRAM_KINDS]; /* [count] table places, grouped by prefix */
    int64_t bounds[AC_NGRAM_KINDS]
                  [AC_NGRAM_PREFIXES + 1]; /* places[k][bounds[k][p] .. bounds[k][p + 1]) */
} ac_ngram_order;

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
/** Take what self holds (ac_ngram_order_init, ac_ngram_record_push); it is forgotten after the
 * return. */
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
    int64_t word_count, word_room, slot_room; /* slot_room: a power of two, twice word_room */
    int64_t pair_count, pair_room, triple_count, triple_room;
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
/** Forget all that was counted, but not the words before the next one. Memory is kept. */
AC_MUST_CHECK ac_status ac_ngram_counter_reset(ac_ngram_counter *self);
int64_t ac_ngram_counter_bytes(const ac_ngram_counter *self);

AC_MUST_CHECK ac_status ac_ngram_order_init(ac_ngram_order *self,
                                            const ac_ngram_counter *counter);
void ac_ngram_order_free(ac_ngram_order *self);

/**
 * An n-gram as bytes: key length u32, count u64, first position u64 (0 but for words), and the
 * key: each word as length u32 and text. Little-endian, unaligned. kind: 0 words, 1 pairs, 2
 * triples.
 */
enum { AC_NGRAM_RECORD_HEAD = 20 };
AC_MUST_CHECK ac_status ac_ngram_record_push(ac_buffer *out, const ac_ngram_counter *counter,
                                             int kind, uint32_t place);
/** Append the key of n words by their numbers. */
AC_MUST_CHECK ac_status ac_ngram_counter_key(const ac_ngram_counter *self,
                                             const uint32_t *words, int n, ac_buffer *out);

/** What ac_ngram_record_push would append. */
int64_t ac_ngram_record_bytes(const ac_ngram_counter *counter, int kind, uint32_t place);

typedef struct ac_ngram_record {
    const char *key;
    uint32_t key_bytes;
    uint64_t count, first;
} ac_ngram_record;

/** The record at bytes[*at], which is moved behind it. */
void ac_ngram_record_read(ac_ngram_record *out, const char *bytes, size_t *at);

/** The next word of a key from key[*at] on; false: it has no more. */
bool ac_ngram_key_next(const char *key, size_t n, size_t *at, const char **word,
                       uint32_t *length);
/** Order of n-grams of as many words: word by word, by code point. */
int ac_ngram_key_compare(const char *a, const char *b, int words);

/**
 * Pointwise mutual information, in exactly this form: log2(n N^(k-1)) - log2(n(w1) … n(wk)),
 * each product an exact integer rounded once to double. k: 2 or 3; N below 2^42. Source:
 * nltk.metrics.association, pmi. Golden: golden/ngrams
 */
double ac_ngram_pmi(uint64_t n, uint64_t N, const uint64_t *word_counts, int k);

#endif
