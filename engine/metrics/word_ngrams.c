/* N-grams of n words are looked up by the place of the first occurrence of their first n - 1
 * words, and the last word: a key of 64 bits. Each thread looks up the n-grams whose hashes are
 * its own, in all captions, so a place is written by one thread, and the tables need no locks.
 */
#include "engine/metrics/word_ngrams.h"

#include <omp.h>
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
    int64_t size = self->size ? self->size : 4096;
    int32_t *table;
    ac_status st;

    while (size < 4 * (self->count + 1))
        size *= 2;
    st = ac_alloc(&table, size, sizeof *table);
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
    self->ngrams[n] = *ngram;
    self->frequencies[n] = 0;
    *number = (int32_t) n;
    self->table[at] = (int32_t) ++self->count;
out:
    return st;
}

/* ---- first occurrences ---- */

typedef struct slot {
    uint64_t key; /* 0: free */
    uint32_t first;
} slot;

/* One thread's part of the n-grams of one length. */
typedef struct part {
    slot *slots; /* [size] */
    int64_t size, count;
} part;

/* Keys that are looked up together: each one's line of the table is on its way before it is
 * needed, as the table is larger than any cache. */
enum { TOGETHER = 32 };

typedef struct waiting {
    uint64_t key[TOGETHER], hash[TOGETHER];
    uint32_t place[TOGETHER];
    int count;
} waiting;

/* What a word's place is told about: places are those in `words`, which hold each caption's
 * words in order. */
typedef struct occurrences {
    const ac_caption_words *words;
    uint32_t *first[AC_NGRAM_MOST]; /* [places], of 1 to 4 words: place of the first such */
    struct mark {
        uint32_t before;  /* n-grams that begin before this place for the first time */
        uint8_t is_first; /* bit n - 1: one of n words begins here for the first time */
    } * marks;            /* [places] */
} occurrences;

static uint64_t
hash_key(uint64_t key)
{
    key *= 0x9E3779B97F4A7C15u;
    key = (key ^ key >> 32) * 0xD6E8FEB86659FD93u;
    return key ^ key >> 32;
}

static slot *
find_slot(const part *self, uint64_t key, uint64_t h)
{
    for (;; h++) {
        slot *s = &self->slots[h & (uint64_t) (self->size - 1)];
        if (s->key == key || !s->key)
            return s;
    }
}

static ac_status
grow_part(part *self)
{
    part grown = { .size = self->size ? 2 * self->size : 4096, .count = self->count };
    ac_status st = ac_alloc(&grown.slots, grown.size, sizeof *grown.slots);

    if (st != AC_OK)
        return st;
    for (int64_t i = 0; i < self->size; i++)
        if (self->slots[i].key)
            *find_slot(&grown, self->slots[i].key, hash_key(self->slots[i].key)) =
                self->slots[i];
    free(self->slots);
    *self = grown;
    return AC_OK;
}

static ac_status
look_up(part *self, waiting *w, uint32_t *first)
{
    ac_status st = AC_OK;

    while (2 * (self->count + w->count) > self->size)
        AC_TRY(grow_part(self));
    for (int i = 0; i < w->count; i++)
        __builtin_prefetch(&self->slots[w->hash[i] & (uint64_t) (self->size - 1)]);
    for (int i = 0; i < w->count; i++) {
        slot *s = find_slot(self, w->key[i], w->hash[i]);
        if (!s->key) {
            *s = (slot){ w->key[i], w->place[i] };
            self->count++;
        }
        first[w->place[i]] = s->first;
    }
    w->count = 0;
out:
    return st;
}

/* The n-grams of n words, n at least 2, whose hashes are part `mine` of `parts`. */
static ac_status
find_firsts(const occurrences *self, int n, int mine, int parts)
{
    const ac_caption_words *words = self->words;
    const uint32_t *prefix = self->first[n - 2];
    part p = { .size = 0 };
    waiting w = { .count = 0 };
    ac_status st = AC_OK;

    for (int64_t c = 0; c < words->count; c++) {
        const ac_words all = ac_caption_words_at(words, c);
        const int64_t start = words->spans[c].start;
        for (int64_t i = 0; i + n <= all.count; i++) {
            const uint64_t key = ((uint64_t) prefix[start + i] + 1) << 32 |
                                 (uint32_t) all.words[i + n - 1],
                           h = hash_key(key);
            if ((int) ((h >> 40) * (uint64_t) parts >> 24) != mine)
                continue;
            w.key[w.count] = key;
            w.hash[w.count] = h;
            w.place[w.count++] = (uint32_t) (start + i);
            if (w.count == TOGETHER)
                AC_TRY(look_up(&p, &w, self->first[n - 1]));
        }
    }
    AC_TRY(look_up(&p, &w, self->first[n - 1]));
out:
    free(p.slots);
    return st;
}

/* Words are numbered in the order of their first occurrences. */
static ac_status
find_first_words(const occurrences *self)
{
    uint32_t *places = NULL; /* [words]: + 1 */
    int64_t capacity = 0, known = 0;
    ac_status st = AC_OK;

    for (int64_t c = 0; c < self->words->count; c++) {
        const ac_words all = ac_caption_words_at(self->words, c);
        for (int64_t i = 0; i < all.count; i++) {
            const uint32_t place = (uint32_t) (self->words->spans[c].start + i);
            const int64_t word = all.words[i];
            AC_TRY(ac_grow(&places, &capacity, word + 1, sizeof *places));
            for (; known <= word; known++)
                places[known] = 0;
            if (!places[word])
                places[word] = place + 1;
            self->first[0][place] = places[word] - 1;
        }
    }
out:
    free(places);
    return st;
}

static ac_status
find_all_firsts(const occurrences *self)
{
    ac_status worst = find_first_words(self);

    for (int n = 2; n <= AC_NGRAM_MOST && worst == AC_OK; n++) {
#pragma omp parallel if (self->words->count > 64)
        {
            const ac_status st =
                find_firsts(self, n, omp_get_thread_num(), omp_get_num_threads());
            if (st != AC_OK) {
#pragma omp atomic write
                worst = st;
            }
        }
    }
    return worst == AC_OK ? AC_OK : ac_error_set(worst, "out of memory while counting n-grams");
}

/* ---- numbers ---- */

/* How many of n words or fewer begin in a caption of `count` words. */
static int64_t
ngrams_of(int64_t count)
{
    int64_t sum = 0;

    for (int64_t n = 0; n < AC_NGRAM_MOST; n++)
        sum += count > n ? count - n : 0;
    return sum;
}

static int32_t
number_of(const occurrences *self, int64_t place, int n)
{
    const struct mark *first = &self->marks[self->first[n - 1][place]];
    const unsigned shorter = first->is_first & ((1u << (n - 1)) - 1);

    return (int32_t) (first->before + (uint32_t) __builtin_popcount(shorter));
}

/* Which n-grams are the first of their kind, and how many are before them: their numbers. */
static ac_status
number_all(const occurrences *self, ac_ngram_table *table)
{
    const ac_caption_words *words = self->words;
    int64_t count = 0;
    ac_status st = AC_OK;

    for (int64_t c = 0; c < words->count; c++) {
        const int64_t start = words->spans[c].start, size = words->spans[c].count;
        for (int64_t i = 0; i < size; i++) {
            uint8_t bits = 0;
            for (int n = 1; n <= AC_NGRAM_MOST && i + n <= size; n++)
                if (self->first[n - 1][start + i] == start + i)
                    bits |= (uint8_t) (1u << (n - 1));
            self->marks[start + i] = (struct mark){ (uint32_t) count, bits };
            count += __builtin_popcount(bits);
        }
    }
    if (count >= INT32_MAX - 1)
        AC_FAIL(AC_E_LIMIT, "more than %d different n-grams", INT32_MAX - 1);
    AC_TRY(ac_grow(&table->ngrams, &table->capacity, count, sizeof *table->ngrams));
    AC_TRY(ac_alloc(&table->frequencies, count, sizeof *table->frequencies));
    table->frequency_capacity = table->count = count;
out:
    return st;
}

/* ---- a caption's ---- */

void
ac_caption_ngrams_free(ac_caption_ngrams *self)
{
    free(self->all);
    free(self->starts);
    free(self->counts);
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

/* Caption c's n-grams, and those of the table that begin there for the first time. */
static void
list_caption(const occurrences *self, ac_caption_ngrams *out, ac_ngram_table *table, int64_t c)
{
    const ac_words words = ac_caption_words_at(self->words, c);
    ac_ngram_count *list = out->all + out->starts[c];
    int64_t count = 0, kept = 0;

    for (int64_t i = 0; i < words.count; i++) {
        const int64_t place = self->words->spans[c].start + i;
        ac_word_ngram g = { { 0 } };
        for (int n = 1; n <= AC_NGRAM_MOST && i + n <= words.count; n++) {
            const int32_t number = number_of(self, place, n);
            g.words[n - 1] = words.words[i + n - 1];
            list[count++] = (ac_ngram_count){ number, 1, (unsigned) n & 7 };
            if (self->marks[place].is_first & 1u << (n - 1))
                table->ngrams[number] = g;
        }
    }
    sort(list, count);
    for (int64_t i = 0; i < count; i++)
        if (kept && list[kept - 1].number == list[i].number)
            list[kept - 1].times++;
        else
            list[kept++] = list[i];
    out->counts[c] = kept;
}

ac_status
ac_caption_ngrams_find(ac_caption_ngrams *self, ac_ngram_table *table,
                       const ac_caption_words *words)
{
    enum { MOST_WORDS = 1 << 30, MOST_OF_CAPTION = 1 << 28 };
    const int64_t places = words->word_count;
    occurrences o = { .words = words };
    ac_status st = AC_OK;

    if (places > MOST_WORDS)
        AC_FAIL(AC_E_LIMIT, "captions of more than %d words", MOST_WORDS);
    AC_TRY(ac_alloc(&self->starts, words->count + 1, sizeof *self->starts));
    AC_TRY(ac_alloc(&self->counts, words->count, sizeof *self->counts));
    for (int64_t c = 0; c < words->count; c++) {
        if (words->spans[c].count >= MOST_OF_CAPTION)
            AC_FAIL(AC_E_LIMIT, "a caption of more than %d words", MOST_OF_CAPTION);
        self->starts[c + 1] = self->starts[c] + ngrams_of(words->spans[c].count);
    }
    for (int n = 0; n < AC_NGRAM_MOST; n++)
        AC_TRY(ac_alloc_aligned(&o.first[n], places, sizeof **o.first));
    AC_TRY(ac_alloc_aligned(&o.marks, places, sizeof *o.marks));
    AC_TRY(find_all_firsts(&o));
    AC_TRY(number_all(&o, table));
    AC_TRY(ac_alloc_aligned(&self->all, self->starts[words->count], sizeof *self->all));
    self->count = words->count;
#pragma omp parallel for schedule(dynamic, 256) if (words->count > 64)
    for (int64_t c = 0; c < words->count; c++)
        list_caption(&o, self, table, c);
out:
    for (int n = 0; n < AC_NGRAM_MOST; n++)
        free(o.first[n]);
    free(o.marks);
    return st;
}
