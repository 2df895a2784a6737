/** How varied captions are, and how sure their scores. */
#ifndef AC_ENGINE_METRICS_CAPTION_STATISTICS_H
#define AC_ENGINE_METRICS_CAPTION_STATISTICS_H

#include "engine/metrics/caption_scores.h"

/** NaN where there is nothing to divide by. */
typedef struct ac_diversity {
    double distinct[AC_NGRAM_MOST]; /* different n-grams / all n-grams */
    double unique;                  /* different captions / captions, by their words */
    double mean_length;             /* words */
    int64_t vocabulary;             /* different words */
} ac_diversity;

/** Of the captions that the items name. */
AC_MUST_CHECK ac_status ac_diversity_of(const ac_caption_words *words,
                                        const ac_caption_ngrams *ngrams,
                                        const ac_ngram_table *table,
                                        const ac_scored_item *items, int64_t count,
                                        ac_diversity *out);

/** One value per item, NaN where it has none. */
typedef struct ac_bootstrap_input {
    const ac_item_scores *const *bleu; /* [bleu_count]: sets of items, for their BLEU */
    int bleu_count;
    const double *const *columns; /* [column_count][items] */
    int column_count;
    int64_t items; /* at least 1 */
    uint64_t seed;
    int resamples;
} ac_bootstrap_input;

/**
 * Scores of resamples: the items drawn with replacement, as many as there are. Draw i of
 * resample r is a pure function of seed, r and i (Philox's counter is r and i / 4, the draw its
 * word i % 4), the same for all sets and columns, so that
 * differences are paired. Works in OpenMP's threads.
 * @param[out] bleu   [bleu_count, AC_NGRAM_MOST, resamples]
 * @param[out] means  [column_count, resamples]; NaN where no drawn item has a value
 */
AC_MUST_CHECK ac_status ac_bootstrap(const ac_bootstrap_input *in, double *bleu, double *means);

/** The mean of what is not NaN; NaN where nothing is. In order. */
double ac_mean_of(const double *values, int64_t n);

/** Percentile p of values [n], which are sorted (NaN last, and not counted); linear between
 * neighbours. NaN where there is none. */
double ac_percentile_of(double *values, int64_t n, double p);

#endif
