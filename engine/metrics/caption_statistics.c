#include "engine/metrics/caption_statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/base/random.h"

static double
ratio(int64_t a, int64_t b)
{
    return b ? (double) a / (double) b : (double) NAN;
}

ac_status
ac_diversity_of(const ac_caption_words *words, const ac_scored_item *items, int64_t count,
                ac_diversity *out)
{
    ac_document_frequencies all = { 0 };
    ac_vocabulary captions = { 0 };
    ac_ngram_counts one = { 0 };
    int64_t different[AC_NGRAM_MOST] = { 0 }, total[AC_NGRAM_MOST] = { 0 };
    ac_status st = AC_OK;

    for (int64_t i = 0; i < count; i++) {
        const ac_words w = ac_caption_words_at(words, items[i].caption);
        int32_t number;

        AC_TRY(ac_vocabulary_add(&captions, w.count ? (const char *) w.words : "",
                                 (size_t) w.count * sizeof *w.words, &number));
        AC_TRY(ac_ngram_counts_take(&one, w));
        for (int64_t g = 0; g < one.count; g++) {
            const int n = ac_word_ngram_length(&one.ngrams[g]) - 1;
            different[n] += ac_document_frequencies_of(&all, &one.ngrams[g]) == 0;
            total[n] += one.times[g];
            AC_TRY(ac_document_frequencies_add(&all, &one.ngrams[g], 1));
        }
    }
    for (int n = 0; n < AC_NGRAM_MOST; n++)
        out->distinct[n] = ratio(different[n], total[n]);
    out->unique = ratio(captions.words.count, count);
    out->mean_length = ratio(total[0], count);
    out->vocabulary = different[0];
out:
    ac_document_frequencies_free(&all);
    ac_vocabulary_free(&captions);
    ac_ngram_counts_free(&one);
    return st;
}

/* ---- bootstrap ---- */

static void
draw(int64_t *chosen, const ac_bootstrap_input *in, int resample)
{
    for (int64_t i = 0; i < in->items; i++) {
        const double u = ac_random_uniform(in->seed, (uint64_t) resample, (uint32_t) i,
                                           (uint32_t) (i >> 32));
        chosen[i] = (int64_t) (u * (double) in->items);
    }
}

static double
mean_of_chosen(const double *values, const int64_t *chosen, int64_t n)
{
    double sum = 0;
    int64_t count = 0;

    for (int64_t i = 0; i < n; i++)
        if (!isnan(values[chosen[i]])) {
            sum += values[chosen[i]];
            count++;
        }
    return count ? sum / (double) count : (double) NAN;
}

ac_status
ac_bootstrap(const ac_bootstrap_input *in, double *bleu, double *means)
{
    bool failed = false;

#pragma omp parallel
    {
        int64_t *chosen = NULL;
        const bool mine = ac_alloc(&chosen, in->items, sizeof *chosen) == AC_OK;
        if (!mine) {
#pragma omp atomic write
            failed = true;
        }
#pragma omp for schedule(dynamic, 8)
        for (int r = 0; r < in->resamples; r++) {
            if (!mine)
                continue;
            draw(chosen, in, r);
            for (int s = 0; s < in->bleu_count; s++) {
                ac_corpus_scores corpus;
                ac_score_corpus(in->bleu[s], chosen, in->items, &corpus);
                for (int k = 0; k < AC_NGRAM_MOST; k++)
                    bleu[(s * AC_NGRAM_MOST + k) * in->resamples + r] = corpus.bleu[k];
            }
            for (int c = 0; c < in->column_count; c++)
                means[c * in->resamples + r] =
                    mean_of_chosen(in->columns[c], chosen, in->items);
        }
        free(chosen);
    }
    return failed ? ac_error_set(AC_E_NOMEM, "out of memory for resamples of %lld items",
                                 (long long) in->items)
                  : AC_OK;
}

double
ac_mean_of(const double *values, int64_t n)
{
    double sum = 0;
    int64_t count = 0;

    for (int64_t i = 0; i < n; i++)
        if (!isnan(values[i])) {
            sum += values[i];
            count++;
        }
    return count ? sum / (double) count : (double) NAN;
}

static int
by_size(const void *a, const void *b)
{
    const double x = *(const double *) a, y = *(const double *) b;

    if (isnan(x) || isnan(y))
        return isnan(x) - isnan(y);
    return (x > y) - (x < y);
}

double
ac_percentile_of(double *values, int64_t n, double p)
{
    int64_t count = n, low;
    double at;

    qsort(values, (size_t) n, sizeof *values, by_size);
    while (count && isnan(values[count - 1]))
        count--;
    if (!count)
        return (double) NAN;
    at = p / 100 * (double) (count - 1);
    low = (int64_t) at;
    return low + 1 < count ? values[low] + (at - (double) low) * (values[low + 1] - values[low])
                           : values[count - 1];
}
