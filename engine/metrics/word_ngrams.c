#include "engine/metrics/word_ngrams.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

int
ac_word_ngram_compare(const ac_word_ngram *a, const ac_word_ngram *b)
{
    for (int i = 0; i < AC_NGRAM_MOST; i++)
        if (a->words[i] != b->words[i])
            return a->words[i] < b->words[i] ? -1 : 1;
    return 0;
}

/* ---- the table ---- */

void
ac_ngram_table_free(ac_ngram_table *self)
{
    free(self->ngrams);
    free(self->frequencies);
    free(self->last_image);
    free(self->table);
    *self = (ac_ngram_table){ 0 };
}

/* Murmur's last steps over the words. */
static uint64_t
hash(const ac_word_ngram *g)
{
    uint64_t a, b;

    memcpy(&a, g->words, sizeof a);
    memcpy(&b, g->words + 2, sizeof b);
    a = (a ^ a >> 32) * 0x9E3779B97F4A7C15u ^ (b + 0x165667B19E3779F9u) * 0xD6E8FEB86659FD93u;
    a = (a ^ a >> 29) * 0xBF58476D1CE4E5B9u;
    return a ^ a >> 32;
}

/* Numbers of n-grams that come together are looked up together: the table is larger than any
 * cache, and its lines, then the n-grams', are on their way before they are needed. */
static void
prefetch(const ac_ngram_table *self, const ac_word_ngram *ngrams, int64_t n)
{
    const uint64_t mask = (uint64_t) (self->size - 1);

    for (int64_t i = 0; self->size && i < n; i++)
        __builtin_prefetch(&self->table[hash(&ngrams[i]) & mask]);
    for (int64_t i = 0; self->size && i < n; i++) {
        const int32_t number = self->table[hash(&ngrams[i]) & mask];
        if (number)
            __builtin_prefetch(&self->ngrams[number - 1]);
    }
}

static int64_t
place_of(const ac_ngram_table *self, const ac_word_ngram *ngram)
{
    for (uint64_t h = hash(ngram);; h++) {
        const int64_t at = (int64_t) (h & (uint64_t) (self->size - 1));
        if (!self->table[at] ||
            memcmp(&self->ngrams[self->table[at] - 1], ngram, sizeof *ngram) == 0)
            return at;
    }
}

static ac_status
grow(ac_ngram_table *self)
{
    const int64_t size = self->size ? 2 * self->size : 8192;
    int32_t *table;
    ac_status st = ac_alloc(&table, size, sizeof *table);

    if (st != AC_OK)
        return st;
    free(self->table);
    self->table = table;
    self->size = size;
    for (int64_t i = 0; i < self->count; i++)
        table[place_of(self, &self->ngrams[i])] = (int32_t) (i + 1);
    return AC_OK;
}

ac_status
ac_ngram_table_add(ac_ngram_table *self, const ac_word_ngram *ngram, int32_t *number)
{
    const int64_t n = self->count;
    int64_t at;
    ac_status st = AC_OK;

    if (2 * (n + 1) > self->size)
        AC_TRY(grow(self));
    at = place_of(self, ngram);
    if (self->table[at]) {
        *number = self->table[at] - 1;
        goto out;
    }
    if (n >= INT32_MAX - 1)
        AC_FAIL(AC_E_LIMIT, "more than %d different n-grams", INT32_MAX - 1);
    AC_TRY(ac_grow(&self->ngrams, &self->capacity, n + 1, sizeof *self->ngrams));
    AC_TRY(ac_grow(&self->frequencies, &self->frequency_capacity, n + 1,
                   sizeof *self->frequencies));
    AC_TRY(ac_grow(&self->last_image, &self->image_capacity, n + 1, sizeof *self->last_image));
    self->ngrams[n] = *ngram;
    self->frequencies[n] = 0;
    self->last_image[n] = 0;
    *number = (int32_t) n;
    self->table[at] = (int32_t) ++self->count;
out:
    return st;
}

void
ac_ngram_table_count_image(ac_ngram_table *self, const ac_caption_ngrams *captions,
                           int64_t first, int64_t count)
{
    self->images++;
    for (int64_t i = captions->starts[first]; i < captions->starts[first + count]; i++) {
        const int32_t number = captions->ngrams[i].number;
        if (self->last_image[number] == self->images)
            continue;
        self->last_image[number] = self->images;
        self->frequencies[number]++;
    }
}

/* ---- a caption's ---- */

void
ac_caption_ngrams_free(ac_caption_ngrams *self)
{
    free(self->ngrams);
    free(self->starts);
    *self = (ac_caption_ngrams){ 0 };
}

static int
by_number(const void *a, const void *b)
{
    const ac_ngram_count *x = a, *y = b;

    return (x->number > y->number) - (x->number < y->number);
}

static void
sort(ac_ngram_count *x, int64_t n)
{
    if (n > 64) {
        qsort(x, (size_t) n, sizeof *x, by_number);
        return;
    }
    for (int64_t i = 1; i < n; i++) {
        const ac_ngram_count one = x[i];
        int64_t k = i;
        for (; k > 0 && x[k - 1].number > one.number; k--)
            x[k] = x[k - 1];
        x[k] = one;
    }
}

ac_status
ac_caption_ngrams_push(ac_caption_ngrams *self, ac_ngram_table *table, ac_words words)
{
    enum { TOGETHER = 64 };
    ac_word_ngram together[TOGETHER];
    int64_t from, n, kept, waiting = 0;
    ac_status st = AC_OK;

    AC_TRY(
        ac_grow(&self->starts, &self->start_capacity, self->count + 2, sizeof *self->starts));
    if (!self->count)
        self->starts[0] = 0;
    from = n = kept = self->starts[self->count];
    AC_TRY(ac_grow(&self->ngrams, &self->capacity, from + AC_NGRAM_MOST * words.count,
                   sizeof *self->ngrams));
    for (int64_t i = 0; i < words.count; i++) {
        ac_word_ngram g = { { 0 } };
        for (int64_t k = 0; k < AC_NGRAM_MOST && i + k < words.count; k++) {
            g.words[k] = words.words[i + k];
            together[waiting++] = g;
        }
        if (waiting <= TOGETHER - AC_NGRAM_MOST && i + 1 < words.count)
            continue;
        prefetch(table, together, waiting);
        for (int64_t k = 0; k < waiting; k++) {
            self->ngrams[n].times = 1;
            AC_TRY(ac_ngram_table_add(table, &together[k], &self->ngrams[n++].number));
        }
        waiting = 0;
    }
    sort(self->ngrams + from, n - from);
    for (int64_t i = from; i < n; i++)
        if (kept > from && self->ngrams[kept - 1].number == self->ngrams[i].number)
            self->ngrams[kept - 1].times++;
        else
            self->ngrams[kept++] = self->ngrams[i];
    self->starts[++self->count] = kept;
out:
    return st;
}
