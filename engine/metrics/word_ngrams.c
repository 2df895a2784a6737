#include "engine/metrics/word_ngrams.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "engine/base/memory.h"

int
ac_word_ngram_compare(const ac_word_ngram *a, const ac_word_ngram *b)
{
    for (int i = 0; i < AC_NGRAM_MOST; i++)
        if (a->words[i] != b->words[i])
            return a->words[i] < b->words[i] ? -1 : 1;
    return 0;
}

static int
compare(const void *a, const void *b)
{
    return ac_word_ngram_compare(a, b);
}

void
ac_ngram_counts_free(ac_ngram_counts *self)
{
    free(self->ngrams);
    free(self->times);
    *self = (ac_ngram_counts){ 0 };
}

ac_status
ac_ngram_counts_take(ac_ngram_counts *self, ac_words words)
{
    int64_t n = 0, kept = 0;
    ac_status st = AC_OK;

    self->count = 0;
    AC_TRY(ac_grow(&self->ngrams, &self->capacity, AC_NGRAM_MOST * words.count,
                   sizeof *self->ngrams));
    AC_TRY(ac_grow(&self->times, &self->times_capacity, AC_NGRAM_MOST * words.count,
                   sizeof *self->times));
    for (int64_t i = 0; i < words.count; i++) {
        ac_word_ngram g = { { 0 } };
        for (int64_t k = 0; k < AC_NGRAM_MOST && i + k < words.count; k++) {
            g.words[k] = words.words[i + k];
            self->ngrams[n++] = g;
        }
    }
    qsort(self->ngrams, (size_t) n, sizeof *self->ngrams, compare);
    for (int64_t i = 0; i < n; i++)
        if (kept && ac_word_ngram_compare(&self->ngrams[kept - 1], &self->ngrams[i]) == 0) {
            self->times[kept - 1]++;
        } else {
            self->ngrams[kept] = self->ngrams[i];
            self->times[kept++] = 1;
        }
    self->count = kept;
out:
    return st;
}

/* ---- document frequencies ---- */

void
ac_document_frequencies_free(ac_document_frequencies *self)
{
    free(self->ngrams);
    free(self->counts);
    *self = (ac_document_frequencies){ 0 };
}

static int64_t
place_of(const ac_document_frequencies *self, const ac_word_ngram *ngram)
{
    uint64_t h = XXH3_64bits(ngram, sizeof *ngram);

    for (;; h++) {
        const int64_t at = (int64_t) (h & (uint64_t) (self->size - 1));
        if (!self->ngrams[at].words[0] || ac_word_ngram_compare(&self->ngrams[at], ngram) == 0)
            return at;
    }
}

static ac_status
grow(ac_document_frequencies *self)
{
    ac_document_frequencies larger = { .size = self->size ? 2 * self->size : 4096,
                                       .images = self->images };
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&larger.ngrams, larger.size, sizeof *larger.ngrams));
    AC_TRY(ac_alloc(&larger.counts, larger.size, sizeof *larger.counts));
    larger.count = self->count;
    for (int64_t i = 0; i < self->size; i++)
        if (self->ngrams[i].words[0]) {
            const int64_t at = place_of(&larger, &self->ngrams[i]);
            larger.ngrams[at] = self->ngrams[i];
            larger.counts[at] = self->counts[i];
        }
    ac_document_frequencies_free(self);
    *self = larger;
    larger = (ac_document_frequencies){ 0 };
out:
    ac_document_frequencies_free(&larger);
    return st;
}

ac_status
ac_document_frequencies_add(ac_document_frequencies *self, const ac_word_ngram *ngram,
                            int32_t times)
{
    int64_t at;
    ac_status st = AC_OK;

    if (10 * (self->count + 1) > 7 * self->size)
        AC_TRY(grow(self));
    at = place_of(self, ngram);
    if (!self->ngrams[at].words[0]) {
        self->ngrams[at] = *ngram;
        self->count++;
    }
    self->counts[at] += times;
out:
    return st;
}

int32_t
ac_document_frequencies_of(const ac_document_frequencies *self, const ac_word_ngram *ngram)
{
    return self->size ? self->counts[place_of(self, ngram)] : 0;
}

ac_status
ac_document_frequencies_image(ac_document_frequencies *self, const ac_caption_words *all,
                              int64_t first, int64_t count)
{
    ac_ngram_counts one = { 0 };
    ac_word_ngram *ngrams = NULL;
    int64_t n = 0, capacity = 0;
    ac_status st = AC_OK;

    for (int64_t i = 0; i < count; i++) {
        AC_TRY(ac_ngram_counts_take(&one, ac_caption_words_at(all, first + i)));
        AC_TRY(ac_grow(&ngrams, &capacity, n + one.count, sizeof *ngrams));
        if (one.count)
            memcpy(ngrams + n, one.ngrams, (size_t) one.count * sizeof *ngrams);
        n += one.count;
    }
    if (n)
        qsort(ngrams, (size_t) n, sizeof *ngrams, compare);
    for (int64_t i = 0; i < n; i++)
        if (i == 0 || ac_word_ngram_compare(&ngrams[i - 1], &ngrams[i]) != 0)
            AC_TRY(ac_document_frequencies_add(self, &ngrams[i], 1));
    self->images++;
out:
    ac_ngram_counts_free(&one);
    free(ngrams);
    return st;
}
