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
        const ac_words w = ac_caption_words_at(words, items[i].caption);
        const ac_ngrams all = ac_caption_ngrams_at(ngrams, items[i].caption);
        int32_t number;

        AC_TRY(ac_vocabulary_add(&captions, w.count ? (const char *) w.words : "",
                                 (size_t) w.count * sizeof *w.words, &number));
        for (int64_t g = 0; g < all.count; g++) {
            const ac_ngram_count *one = &all.ngrams[g];
            const int n = one->length - 1;
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
draw(uint32_t *chosen, const ac_bootstrap_input *in, int resample)
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
        chosen[i] = (uint32_t) ((uint64_t) y[i % 4] * (uint64_t) in->items >> 32);
    }
}

/* What BLEU adds up, of an item: whole numbers, whose sums need no order. */
enum { PARTS = 2 * AC_NGRAM_MOST };

typedef struct packed {
    int32_t counts[PARTS]; /* correct, guessed */
} packed;

/* What is drawn from, packed, so that it stays in the cache. */
typedef struct urn {
    const ac_bootstrap_input *in;
    packed *bleu[2];     /* [items] */
    int32_t *lengths[2]; /* [items]: of the closest reference */
    bool fits[2];        /* sums of as many items fit their type */
    bool *complete;      /* [columns]: no NaN */
} urn;

static void
urn_free(urn *self)
{
    for (int s = 0; s < 2; s++) {
        free(self->bleu[s]);
        free(self->lengths[s]);
    }
    free(self->complete);
}

static ac_status
urn_fill(urn *self)
{
    const ac_bootstrap_input *in = self->in;
    ac_status st = AC_OK;

    AC_CHECK(in->bleu_count <= 2);
    AC_TRY(ac_alloc(&self->complete, in->column_count, sizeof *self->complete));
    for (int c = 0; c < in->column_count; c++) {
        self->complete[c] = true;
        for (int64_t i = 0; i < in->items; i++)
            self->complete[c] = self->complete[c] && !isnan(in->columns[c][i]);
    }
    for (int s = 0; s < in->bleu_count; s++) {
        const int64_t most = INT32_MAX / in->items;
        AC_TRY(ac_alloc(&self->bleu[s], in->items, sizeof *self->bleu[s]));
        AC_TRY(ac_alloc(&self->lengths[s], in->items, sizeof *self->lengths[s]));
        self->fits[s] = true;
        for (int64_t i = 0; i < in->items && self->fits[s]; i++) {
            const ac_bleu_counts *c = &in->bleu[s][i].bleu_counts;
            self->fits[s] = c->length <= most && c->reference_length <= (double) most;
            for (int k = 0; k < AC_NGRAM_MOST && self->fits[s]; k++) {
                self->bleu[s][i].counts[k] = (int32_t) c->correct[k];
                self->bleu[s][i].counts[AC_NGRAM_MOST + k] = (int32_t) c->guessed[k];
            }
            self->lengths[s][i] = self->fits[s] ? (int32_t) c->reference_length : 0;
        }
    }
out:
    return st;
}

static void
bleu_of_chosen(const urn *self, int set, const uint32_t *chosen, double bleu[AC_NGRAM_MOST])
{
    const packed *items = self->bleu[set];
    int32_t sums[PARTS] = { 0 }, length = 0;
    ac_bleu_counts all = { .length = 0 };

    for (int64_t i = 0; i < self->in->items; i++) {
        for (int k = 0; k < PARTS; k++)
            sums[k] += items[chosen[i]].counts[k];
        length += self->lengths[set][chosen[i]];
    }
    for (int k = 0; k < AC_NGRAM_MOST; k++) {
        all.correct[k] = sums[k];
        all.guessed[k] = sums[AC_NGRAM_MOST + k];
    }
    all.length = all.guessed[0];
    all.reference_length = length;
    ac_bleu_of(&all, bleu);
}

static double
mean_of_chosen(const double *values, const uint32_t *chosen, int64_t n)
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

/* Of two columns without NaN: the sum of the one need not wait for that of the other. */
static void
means_of_two(const double *a, const double *b, const uint32_t *chosen, int64_t n,
             double *mean_a, double *mean_b)
{
    double sum_a = 0, sum_b = 0;

    for (int64_t i = 0; i < n; i++) {
        sum_a += a[chosen[i]];
        sum_b += b[chosen[i]];
    }
    *mean_a = sum_a / (double) n;
    *mean_b = sum_b / (double) n;
}

static void
resample(const urn *self, uint32_t *chosen, int r, double *bleu, double *means)
{
    const ac_bootstrap_input *in = self->in;
    const int64_t n = in->items;

    draw(chosen, in, r);
    for (int s = 0; s < in->bleu_count; s++) {
        double one[AC_NGRAM_MOST];
        if (self->fits[s])
            bleu_of_chosen(self, s, chosen, one);
        else
            ac_bleu_of_items(in->bleu[s], chosen, n, one);
        for (int k = 0; k < AC_NGRAM_MOST; k++)
            bleu[(s * AC_NGRAM_MOST + k) * in->resamples + r] = one[k];
    }
    for (int c = 0; c < in->column_count; c++) {
        double *mean = means + c * in->resamples + r;
        if (c + 1 < in->column_count && self->complete[c] && self->complete[c + 1]) {
            means_of_two(in->columns[c], in->columns[c + 1], chosen, n, mean,
                         mean + in->resamples);
            c++;
        } else {
            *mean = mean_of_chosen(in->columns[c], chosen, n);
        }
    }
}

ac_status
ac_bootstrap(const ac_bootstrap_input *in, double *bleu, double *means)
{
    urn u = { .in = in };
    bool failed = false;
    ac_status st = AC_OK;

    AC_TRY(urn_fill(&u));
#pragma omp parallel
    {
        uint32_t *chosen = NULL;
        const bool mine = ac_alloc(&chosen, in->items, sizeof *chosen) == AC_OK;
        if (!mine) {
#pragma omp atomic write
            failed = true;
        }
#pragma omp for schedule(dynamic, 8)
        for (int r = 0; r < in->resamples; r++)
            if (mine)
                resample(&u, chosen, r, bleu, means);
        free(chosen);
    }
    if (failed)
        AC_FAIL(AC_E_NOMEM, "out of memory for resamples of %lld items", (long long) in->items);
out:
    urn_free(&u);
    return st;
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
