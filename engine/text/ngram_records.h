/**
 * What an n-gram counter holds, as records of bytes that are merged by hash, and what is
 * computed from the merged counts.
 */
#ifndef AC_ENGINE_TEXT_NGRAM_RECORDS_H
#define AC_ENGINE_TEXT_NGRAM_RECORDS_H

#include "engine/text/ngrams.h"

enum { AC_NGRAM_PREFIXES = 4096 };

/** Content groups: an n-gram belongs to the prefix that the top 12 bits of its hash give, the
 * same in every process. */
typedef struct ac_ngram_order {
    uint32_t *places[AC_NGRAM_KINDS]; /* [count] table places, grouped by prefix */
    int64_t bounds[AC_NGRAM_KINDS]
                  [AC_NGRAM_PREFIXES + 1]; /* places[k][bounds[k][p] .. bounds[k][p + 1]) */
} ac_ngram_order;

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
