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
ac_diversity_of(const ac_caption_words *words, const ac_caption_ngrams *ngrams,
                const ac_ngram_table *table, const ac_scored_item *items, int64_t count,
                ac_diversity *out)
{
    ac_vocabulary captions = { 0 };
    bool *seen = NULL;
    int64_t different[AC_NGRAM_MOST] = { 0 }, total[AC_NGRAM_MOST] = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&seen, table->count, sizeof *seen));
    for (int64_t i = 0; i < count; i++) {
        const int64_t caption = items[i].caption;
        const ac_words w = ac_caption_words_at(words, caption);
        int32_t number;

        AC_TRY(ac_vocabulary_add(&captions, w.count ? (const char *) w.words : "",
                                 (size_t) w.count * sizeof *w.words, &number));
        for (int64_t g = ngrams->starts[caption]; g < ngrams->starts[caption + 1]; g++) {
            const ac_ngram_count *one = &ngrams->ngrams[g];
            const int n = ac_word_ngram_length(&table->ngrams[one->number]) - 1;
            different[n] += !seen[one->number];
            total[n] += one->times;
            seen[one->number] = true;
        }
    }
    for (int n = 0; n < AC_NGRAM_MOST; n++)
        out->distinct[n] = ratio(different[n], total[n]);
    out->unique = ratio(captions.words.count, count);
    out->mean_length = ratio(total[0], count);
    out->vocabulary = different[0];
out:
    ac_vocabulary_free(&captions);
    free(seen);
    return st;
}

/* ---- bootstrap ---- */

static void
draw(int64_t *chosen, const ac_bootstrap_input *in, int resample)
{
    const uint32_t key[2] = { (uint32_t) in->seed, (uint32_t) (in->seed >> 32) };
    uint32_t y[4] = { 0 };

    for (int64_t i = 0; i < in->items; i++) {
        const uint64_t block = (uint64_t) i / 4;
        if (i % 4 == 0)
            ac_philox(y,
                      (const uint32_t[4]){ (uint32_t) resample, 0, (uint32_t) block,
                                           (uint32_t) (block >> 32) },
                      key);
        chosen[i] = (int64_t) ((uint64_t) y[i % 4] * (uint64_t) in->items >> 32);
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
