/** The scores of all items, and of the corpus. */
#ifndef AC_JOBS_EVALUATE_SCORES_H
#define AC_JOBS_EVALUATE_SCORES_H

#include "engine/metrics/caption_statistics.h"
#include "jobs/evaluate/items.h"

/** Which were asked for (evaluate.metrics). */
enum {
    AC_SCORE_BLEU = 1,
    AC_SCORE_ROUGE_L = 2,
    AC_SCORE_CIDER = 4,
    AC_SCORE_CLIP = 8,
    AC_SCORE_DIVERSITY = 16,
    AC_SCORE_EVIDENCE = 32,
    AC_SCORE_ALL = 63
};

/** A score that each item has, or a reason why it is not there. */
typedef struct ac_score_column {
    char name[48];    /* "CIDEr" */
    double *values;   /* [items], NaN: none; NULL: not computed. Owned */
    double corpus;    /* of all items */
    double low, high; /* its interval of 95 % */
    const char *why;  /* where values is NULL: a constant */
    /* a share of all items' parts, not a mean of items: sum of parts[0] / sum of parts[1] (both
     * owned, [items]); NULL: a mean */
    double *parts[2];
    /* against other predictions: their values (owned), score, the difference and its interval,
     * and the share of resamples in which this one's is higher */
    double *others;
    double other_corpus, difference, difference_low, difference_high, higher;
} ac_score_column;

enum { AC_SCORE_MOST_COLUMNS = 32 };

/** Starts zeroed. */
typedef struct ac_scores {
    int64_t items;
    ac_score_column columns[AC_SCORE_MOST_COLUMNS];
    int column_count;
    ac_vocabulary vocabulary;
    ac_caption_words words;
    ac_caption_ngrams ngrams;
    ac_ngram_table table; /* its frequencies: of the references, or of the idf's file */
    ac_scored_item *scored, *scored_other;
    ac_item_scores *texts, *texts_other; /* [items] BLEU and the like; NULL: no references */
    ac_diversity diversity;
    bool has_diversity;
    const char *note; /* what the reader must know; NULL */
    int resamples;
} ac_scores;

void ac_scores_free(ac_scores *self);

/** evaluate.metrics -> AC_SCORE_… or-ed. AC_E_ARG names what is unknown. */
AC_MUST_CHECK ac_status ac_scores_wanted(const char *metrics, unsigned *wanted);

/** BLEU, ROUGE-L, CIDEr, diversity: what captions alone give. frequencies_file NULL: the
 * references'. */
AC_MUST_CHECK ac_status ac_scores_compute(ac_scores *self, const ac_evaluated *evaluated,
                                          unsigned wanted, const char *frequencies_file);

/** A new column; values [items] are zeroed where `why` is NULL. */
AC_MUST_CHECK ac_status ac_scores_add(ac_scores *self, const char *name, const char *why,
                                      ac_score_column **out);
ac_score_column *ac_scores_find(ac_scores *self, const char *name);

/** The corpus's scores, intervals, differences: after all columns are there. */
AC_MUST_CHECK ac_status ac_scores_finish(ac_scores *self, uint64_t seed);

/** The references' document frequencies, written to a file and read from one. The words of the
 * file join the vocabulary. */
AC_MUST_CHECK ac_status ac_frequencies_save(const ac_scores *self, const char *path);
AC_MUST_CHECK ac_status ac_frequencies_load(ac_scores *self, const char *path);

#endif
