/**
 * BLEU, ROUGE-L and CIDEr-D of captions, with pycocoevalcap's numbers.
 * Golden: golden/metrics (1e-9; CIDEr 1e-7). Every sum has one order: captions, then n-grams by
 * their numbers, so results depend on nothing but the captions and their order.
 */
#ifndef AC_ENGINE_METRICS_CAPTION_SCORES_H
#define AC_ENGINE_METRICS_CAPTION_SCORES_H

#include "engine/metrics/word_ngrams.h"

/** A caption and its references, among the captions of one ac_caption_words. */
typedef struct ac_scored_item {
    int64_t caption;
    int64_t first_reference, reference_count; /* at least 1 */
} ac_scored_item;

/** What BLEU adds up. */
typedef struct ac_bleu_counts {
    int64_t correct[AC_NGRAM_MOST], guessed[AC_NGRAM_MOST];
    int64_t length;
    double reference_length; /* a mean of lengths, for a corpus of one */
} ac_bleu_counts;

typedef struct ac_item_scores {
    ac_bleu_counts bleu_counts;
    double bleu[AC_NGRAM_MOST];
    double rouge_l;
    double cider;
} ac_item_scores;

typedef struct ac_corpus_scores {
    double bleu[AC_NGRAM_MOST], rouge_l, cider;
} ac_corpus_scores;

/** In how many items' references each n-gram is. Works in OpenMP's threads. AC_E_NOMEM. */
AC_MUST_CHECK ac_status ac_count_frequencies(ac_ngram_table *table,
                                             const ac_caption_ngrams *ngrams,
                                             const ac_scored_item *items, int64_t count);

/**
 * Scores of each item. Works in as many threads as OpenMP has.
 * @param[in] words, ngrams  of all captions and references; the table's frequencies are those
 * of the references, or of a larger corpus
 * @param[in] items     [count]
 * @param[out] scores   [count]
 * @return AC_E_NOMEM
 */
AC_MUST_CHECK ac_status ac_score_items(const ac_caption_words *words,
                                       const ac_caption_ngrams *ngrams,
                                       const ac_ngram_table *table, const ac_scored_item *items,
                                       int64_t count, ac_item_scores *scores);

/** BLEU-1 to 4 of what was added up. */
void ac_bleu_of(const ac_bleu_counts *counts, double bleu[AC_NGRAM_MOST]);

/** BLEU-1 to 4 of all items together. chosen [n]: the items, which may come several times;
 * NULL: items 0 to n - 1. */
void ac_bleu_of_items(const ac_item_scores *items, const uint32_t *chosen, int64_t n,
                      double bleu[AC_NGRAM_MOST]);

/** The corpus's scores. n is at least 1. */
void ac_score_corpus(const ac_item_scores *items, int64_t n, ac_corpus_scores *corpus);

/** Words in common, in order: the length of the longest common subsequence. */
AC_MUST_CHECK ac_status ac_common_words(ac_words a, ac_words b, int64_t *length);

#endif
