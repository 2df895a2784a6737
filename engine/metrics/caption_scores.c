/* Source: pycocoevalcap 1.2 (bleu_scorer.py, rouge.py, cider_scorer.py), whose constants and
 * peculiarities are kept: they are what published numbers were computed with. */
#include "engine/metrics/caption_scores.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

/* ---- BLEU ---- */

void
ac_bleu_of(const ac_bleu_counts *c, double bleu[AC_NGRAM_MOST])
{
    const double small = 1e-9, tiny = 1e-15; /* no division by 0, and nearly 0 for no match */
    const double ratio = ((double) c->length + tiny) / (c->reference_length + small);
    double product = 1;

    for (int k = 0; k < AC_NGRAM_MOST; k++) {
        product *= ((double) c->correct[k] + tiny) / ((double) c->guessed[k] + small);
        bleu[k] = pow(product, 1.0 / (k + 1));
        if (ratio < 1)
            bleu[k] *= exp(1 - 1 / ratio);
    }
}

/* The closest length; of two that are equally close, the shorter. */
static double
closest_length(const ac_caption_words *words, const ac_scored_item *item, int64_t length)
{
    int64_t best = 0, distance = INT64_MAX;

    for (int64_t r = 0; r < item->reference_count; r++) {
        const int64_t n = ac_caption_words_at(words, item->first_reference + r).count,
                      d = llabs(n - length);
        if (d < distance || (d == distance && n < best)) {
            best = n;
            distance = d;
        }
    }
    return (double) best;
}

/* ---- ROUGE-L ---- */

static int
by_word(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *) a, y = *(const int64_t *) b;

    return (x > y) - (x < y);
}

/* Captions of at most 64 words: a row is one word, and no order is needed. */
static int64_t
common_of_short(ac_words a, ac_words b)
{
    uint64_t row = UINT64_MAX;

    for (int64_t j = 0; j < b.count; j++) {
        uint64_t here = 0, match;
        for (int64_t i = 0; i < a.count; i++)
            here |= (uint64_t) (a.words[i] == b.words[j]) << i;
        match = row & here;
        row = (row + match) | (row & ~here);
    }
    return __builtin_popcountll(a.count < 64 ? ~row & ((UINT64_C(1) << a.count) - 1) : ~row);
}

/* Bit-parallel (Hyyrö 2004): bit i of a row is 0 where the length grows at word i of a. */
ac_status
ac_common_words(ac_words a, ac_words b, int64_t *length)
{
    const int64_t blocks = (a.count + 63) / 64;
    int64_t *order = NULL;
    uint64_t *row = NULL, *here = NULL;
    ac_status st = AC_OK;

    *length = 0;
    if (a.count <= 64) {
        *length = common_of_short(a, b);
        return AC_OK;
    }
    if (a.count > INT32_MAX)
        AC_FAIL(AC_E_LIMIT, "a caption of %lld words", (long long) a.count);
    AC_TRY(ac_alloc(&order, a.count, sizeof *order));
    AC_TRY(ac_alloc(&row, blocks, sizeof *row));
    AC_TRY(ac_alloc(&here, blocks, sizeof *here));
    for (int64_t i = 0; i < a.count; i++)
        order[i] = (int64_t) a.words[i] << 31 | i;
    qsort(order, (size_t) a.count, sizeof *order, by_word);
    memset(row, 0xff, (size_t) blocks * sizeof *row);
    for (int64_t j = 0; j < b.count; j++) {
        int64_t low = 0, high = a.count, first;
        uint64_t carry = 0;

        while (low < high) {
            const int64_t middle = (low + high) / 2;
            if (order[middle] >> 31 < b.words[j])
                low = middle + 1;
            else
                high = middle;
        }
        first = low;
        if (first == a.count || order[first] >> 31 != b.words[j])
            continue;
        for (int64_t i = first; i < a.count && order[i] >> 31 == b.words[j]; i++) {
            const int64_t at = order[i] & INT32_MAX;
            here[at / 64] |= UINT64_C(1) << (at % 64);
        }
        for (int64_t w = 0; w < blocks; w++) {
            const uint64_t match = row[w] & here[w], sum = row[w] + match, all = sum + carry;
            carry = (uint64_t) (sum < row[w]) | (uint64_t) (all < sum);
            row[w] = all | (row[w] & ~here[w]);
            here[w] = 0;
        }
    }
    for (int64_t i = 0; i < a.count; i++)
        *length += !(row[i / 64] >> (i % 64) & 1);
out:
    free(order);
    free(row);
    free(here);
    return st;
}

static ac_status
rouge_of(const ac_caption_words *words, const ac_scored_item *item, double *rouge)
{
    const double beta = 1.2;
    const ac_words caption = ac_caption_words_at_spaces(words, item->caption);
    double precision = 0, recall = 0;
    ac_status st = AC_OK;

    for (int64_t r = 0; r < item->reference_count; r++) {
        const ac_words reference = ac_caption_words_at_spaces(words, item->first_reference + r);
        int64_t common;

        AC_TRY(ac_common_words(reference, caption, &common));
        precision = fmax(precision, (double) common / (double) caption.count);
        recall = fmax(recall, (double) common / (double) reference.count);
    }
    *rouge = precision > 0 && recall > 0
                 ? (1 + beta * beta) * precision * recall / (recall + beta * beta * precision)
                 : 0;
out:
    return st;
}

/* ---- n-grams weighted by their rarity ---- */

/* What all items are scored with. */
typedef struct context {
    const ac_caption_words *words;
    const ac_caption_ngrams *ngrams;
    const ac_ngram_table *table;
    double images;    /* their logarithm */
    const double *df; /* [frequencies]: logarithms */
    int64_t df_count;
} context;

/* A caption's n-grams, and what CIDEr-D makes of them. */
typedef struct weighted {
    ac_ngrams ngrams; /* sorted by number */
    double *weights;  /* [ngrams] */
    int64_t capacity;
    double norms[AC_NGRAM_MOST];
    double length; /* pairs of words, as the original has it */
} weighted;

static double
rarity(const context *c, int32_t number)
{
    const int32_t df = c->table->frequencies[number];

    return c->images - (df <= 1 ? 0 : df < c->df_count ? c->df[df] : log((double) df));
}

static ac_status
weigh(weighted *self, const context *c, int64_t caption)
{
    ac_status st = AC_OK;

    self->ngrams = ac_caption_ngrams_at(c->ngrams, caption);
    AC_TRY(ac_grow(&self->weights, &self->capacity, self->ngrams.count, sizeof *self->weights));
    memset(self->norms, 0, sizeof self->norms);
    self->length = 0;
    for (int64_t i = 0; i < self->ngrams.count; i++) {
        const ac_ngram_count *one = &self->ngrams.ngrams[i];
        const int n = one->length - 1;
        const double times = one->times;

        self->weights[i] = times * rarity(c, one->number);
        self->norms[n] += self->weights[i] * self->weights[i];
        self->length += n == 1 ? times : 0;
    }
    for (int n = 0; n < AC_NGRAM_MOST; n++)
        self->norms[n] = sqrt(self->norms[n]);
out:
    return st;
}

/* ---- an item ---- */

typedef struct scorer {
    weighted caption, reference;
    int64_t *clipped; /* [caption's n-grams]: the most of any reference */
    int64_t capacity;
} scorer;

static void
scorer_free(scorer *self)
{
    free(self->caption.weights);
    free(self->reference.weights);
    free(self->clipped);
}

/* Clipped cosines of the n-grams of each length, damped by the difference of lengths. On the
 * way: how often the reference has each of the caption's n-grams. */
static double
compare(scorer *self)
{
    const weighted *a = &self->caption, *b = &self->reference;
    const ac_ngram_count *in_b = b->ngrams.ngrams;
    const double sigma = 6, delta = a->length - b->length,
                 damped = exp(-(delta * delta) / (2 * sigma * sigma));
    double value[AC_NGRAM_MOST] = { 0 }, sum = 0;
    int64_t j = 0;

    for (int64_t i = 0; i < a->ngrams.count; i++) {
        const ac_ngram_count *one = &a->ngrams.ngrams[i];
        while (j < b->ngrams.count && in_b[j].number < one->number)
            j++;
        if (j == b->ngrams.count || in_b[j].number != one->number)
            continue;
        value[one->length - 1] += fmin(a->weights[i], b->weights[j]) * b->weights[j];
        if (in_b[j].times > self->clipped[i])
            self->clipped[i] = in_b[j].times;
    }
    for (int n = 0; n < AC_NGRAM_MOST; n++) {
        if (a->norms[n] != 0 && b->norms[n] != 0)
            value[n] /= a->norms[n] * b->norms[n];
        sum += value[n] * damped;
    }
    return sum;
}

static void
count_matches(const scorer *self, int64_t length, ac_bleu_counts *counts)
{
    const ac_ngrams *all = &self->caption.ngrams;

    *counts = (ac_bleu_counts){ .length = length };
    for (int k = 0; k < AC_NGRAM_MOST; k++)
        counts->guessed[k] = length > k ? length - k : 0;
    for (int64_t i = 0; i < all->count; i++) {
        const int64_t times = all->ngrams[i].times;
        counts->correct[all->ngrams[i].length - 1] +=
            self->clipped[i] < times ? self->clipped[i] : times;
    }
}

static ac_status
score_item(scorer *self, const context *c, const ac_scored_item *item, ac_item_scores *scores)
{
    const int64_t length = ac_caption_words_at(c->words, item->caption).count;
    double sum = 0;
    ac_status st = AC_OK;

    AC_TRY(weigh(&self->caption, c, item->caption));
    AC_TRY(ac_grow(&self->clipped, &self->capacity, self->caption.ngrams.count,
                   sizeof *self->clipped));
    for (int64_t i = 0; i < self->caption.ngrams.count; i++)
        self->clipped[i] = 0;
    for (int64_t r = 0; r < item->reference_count; r++) {
        AC_TRY(weigh(&self->reference, c, item->first_reference + r));
        sum += compare(self);
    }
    count_matches(self, length, &scores->bleu_counts);
    scores->bleu_counts.reference_length = closest_length(c->words, item, length);
    ac_bleu_of(&scores->bleu_counts, scores->bleu);
    scores->cider = sum / AC_NGRAM_MOST / (double) item->reference_count * 10;
    AC_TRY(rouge_of(c->words, item, &scores->rouge_l));
out:
    return st;
}

/* Each thread counts the n-grams that are its own: sixteen neighbours in a line of memory. */
static ac_status
count_part(ac_ngram_table *table, const ac_caption_ngrams *ngrams, const ac_scored_item *items,
           int64_t count, uint32_t mine, uint32_t parts)
{
    int64_t *last = NULL; /* [n-grams]: the last item that was counted, from 1 */
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&last, table->count, sizeof *last));
    for (int64_t i = 0; i < count; i++)
        for (int64_t r = 0; r < items[i].reference_count; r++) {
            const ac_ngrams all = ac_caption_ngrams_at(ngrams, items[i].first_reference + r);
            for (int64_t k = 0; k < all.count; k++) {
                const int32_t number = all.ngrams[k].number;
                if ((uint32_t) number / 16 % parts != mine || last[number] == i + 1)
                    continue;
                last[number] = i + 1;
                table->frequencies[number]++;
            }
        }
out:
    free(last);
    return st;
}

ac_status
ac_count_frequencies(ac_ngram_table *table, const ac_caption_ngrams *ngrams,
                     const ac_scored_item *items, int64_t count)
{
    ac_status worst = AC_OK;

#pragma omp parallel if (count > 64)
    {
        const ac_status st =
            count_part(table, ngrams, items, count, (uint32_t) omp_get_thread_num(),
                       (uint32_t) omp_get_num_threads());
        if (st != AC_OK) {
#pragma omp atomic write
            worst = st;
        }
    }
    table->images += count;
    return worst == AC_OK ? AC_OK : ac_error_set(worst, "out of memory while counting n-grams");
}

ac_status
ac_score_items(const ac_caption_words *words, const ac_caption_ngrams *ngrams,
               const ac_ngram_table *table, const ac_scored_item *items, int64_t count,
               ac_item_scores *scores)
{
    enum { LOGARITHMS = 4096 };
    double df[LOGARITHMS] = { 0 };
    const context c = { words, ngrams, table, log((double) table->images), df, LOGARITHMS };
    ac_status worst = AC_OK;

    for (int i = 1; i < LOGARITHMS; i++)
        df[i] = log((double) i);
#pragma omp parallel if (count > 64)
    {
        scorer self = { .capacity = 0 };
#pragma omp for schedule(dynamic, 64)
        for (int64_t i = 0; i < count; i++) {
            const ac_status st = score_item(&self, &c, &items[i], &scores[i]);
            if (st != AC_OK) {
#pragma omp atomic write
                worst = st;
            }
        }
        scorer_free(&self);
    }
    return worst == AC_OK ? AC_OK : ac_error_set(worst, "out of memory while scoring captions");
}

void
ac_bleu_of_items(const ac_item_scores *items, const uint32_t *chosen, int64_t n,
                 double bleu[AC_NGRAM_MOST])
{
    ac_bleu_counts all = { .length = 0 };

    for (int64_t k = 0; k < n; k++) {
        const ac_bleu_counts *item = &items[chosen ? chosen[k] : k].bleu_counts;
        for (int i = 0; i < AC_NGRAM_MOST; i++) {
            all.correct[i] += item->correct[i];
            all.guessed[i] += item->guessed[i];
        }
        all.length += item->length;
        all.reference_length += item->reference_length;
    }
    ac_bleu_of(&all, bleu);
}

void
ac_score_corpus(const ac_item_scores *items, int64_t n, ac_corpus_scores *corpus)
{
    double rouge = 0, cider = 0;

    for (int64_t i = 0; i < n; i++) {
        rouge += items[i].rouge_l;
        cider += items[i].cider;
    }
    ac_bleu_of_items(items, NULL, n, corpus->bleu);
    corpus->rouge_l = rouge / (double) n;
    corpus->cider = cider / (double) n;
}
