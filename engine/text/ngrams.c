#include "engine/text/ngrams.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL /* most words are a few bytes long: the call would cost more than the \
                          hash */
#include <xxhash.h>

#include "engine/base/memory.h"
#include "engine/text/unicode.h"
#include "engine/text/words.h"

enum { BATCH = 256, FIRST_CAPACITY = 2048, AHEAD = 8 };
#define MOST_WORDS \
    (1LL << 31) /* between two flushes, so that 32 bits hold any count and place */

/* ---- tables ---- */

static int64_t
pair_place(uint32_t a, uint32_t b, int64_t capacity)
{
    const uint64_t h = ((uint64_t) a << 32 | b) * 0x9e3779b97f4a7c15u;

    return (int64_t) ((h ^ h >> 32) & (uint64_t) (capacity - 1));
}

static int64_t
triple_place(uint32_t a, uint32_t b, uint32_t c, int64_t capacity)
{
    const uint64_t h =
        (((uint64_t) a << 32 | b) * 0x9e3779b97f4a7c15u + c) * 0xbf58476d1ce4e5b9u;

    return (int64_t) ((h ^ h >> 32) & (uint64_t) (capacity - 1));
}

static void
count_pair(ac_ngram_pair *table, int64_t capacity, const ac_ngram_pair *x, int64_t *used)
{
    int64_t at = pair_place(x->words[0], x->words[1], capacity);

    while (table[at].count &&
           (table[at].words[0] != x->words[0] || table[at].words[1] != x->words[1]))
        at = (at + 1) & (capacity - 1);
    if (table[at].count) {
        table[at].count += x->count;
    } else {
        table[at] = *x;
        ++*used;
    }
}

static void
count_triple(ac_ngram_triple *table, int64_t capacity, const ac_ngram_triple *x, int64_t *used)
{
    int64_t at = triple_place(x->words[0], x->words[1], x->words[2], capacity);

    while (table[at].count &&
           (table[at].words[0] != x->words[0] || table[at].words[1] != x->words[1] ||
            table[at].words[2] != x->words[2]))
        at = (at + 1) & (capacity - 1);
    if (table[at].count) {
        table[at].count += x->count;
    } else {
        table[at] = *x;
        ++*used;
    }
}

int64_t
ac_ngram_counter_bytes(const ac_ngram_counter *self)
{
    return (int64_t) self->text.capacity + self->word_capacity * (int64_t) sizeof *self->words +
           self->slot_capacity * (int64_t) sizeof *self->slots +
           self->pair_capacity * (int64_t) sizeof *self->pairs +
           self->triple_capacity * (int64_t) sizeof *self->triples;
}

static void
index_word(ac_ngram_slot *slots, int64_t capacity, uint64_t hash, uint32_t number)
{
    int64_t at = (int64_t) (hash & (uint64_t) (capacity - 1));

    while (slots[at].number)
        at = (at + 1) & (capacity - 1);
    slots[at] = (ac_ngram_slot){ (uint32_t) (hash >> 32), number + 1 };
}

static ac_status
grow_words(ac_ngram_counter *self)
{
    const int64_t capacity = self->word_capacity ? 2 * self->word_capacity : FIRST_CAPACITY / 2;
    ac_ngram_slot *slots = NULL;
    ac_status st = ac_alloc(&slots, 2 * capacity, sizeof *slots);

    if (st == AC_OK) {
        ac_ngram_word *words = realloc(self->words, (size_t) capacity * sizeof *words);
        if (!words) {
            free(slots);
            return ac_error_set(AC_E_NOMEM, "out of memory for %lld words; lower limits.memory",
                                (long long) capacity);
        }
        for (int64_t i = 0; i < self->word_count; i++)
            index_word(slots, 2 * capacity, words[i].hash, (uint32_t) i);
        free(self->slots);
        self->slots = slots;
        self->words = words;
        self->word_capacity = capacity;
        self->slot_capacity = 2 * capacity;
    }
    return st;
}

static ac_status
grow_pairs(ac_ngram_counter *self)
{
    const int64_t capacity = self->pair_capacity ? 2 * self->pair_capacity : FIRST_CAPACITY;
    ac_ngram_pair *table = NULL;
    int64_t used = 0;
    ac_status st = ac_alloc(&table, capacity, sizeof *table);

    for (int64_t i = 0; i < self->pair_capacity && st == AC_OK; i++)
        if (self->pairs[i].count)
            count_pair(table, capacity, &self->pairs[i], &used);
    if (st == AC_OK) {
        free(self->pairs);
        self->pairs = table;
        self->pair_capacity = capacity;
    }
    return st;
}

static ac_status
grow_triples(ac_ngram_counter *self)
{
    const int64_t capacity = self->triple_capacity ? 2 * self->triple_capacity : FIRST_CAPACITY;
    ac_ngram_triple *table = NULL;
    int64_t used = 0;
    ac_status st = ac_alloc(&table, capacity, sizeof *table);

    for (int64_t i = 0; i < self->triple_capacity && st == AC_OK; i++)
        if (self->triples[i].count)
            count_triple(table, capacity, &self->triples[i], &used);
    if (st == AC_OK) {
        free(self->triples);
        self->triples = table;
        self->triple_capacity = capacity;
    }
    return st;
}

/* A table is full at 5/8 of its places. */
static bool
is_tight(int64_t count, int64_t capacity)
{
    return count + BATCH + 4 > capacity / 8 * 5;
}

static ac_status
flush(ac_ngram_counter *self)
{
    ac_status st = self->options.flush(self->options.context, self);

    return st == AC_OK ? ac_ngram_counter_reset(self) : st;
}

/* Place for one batch in every table: by growing where the budget allows, else by handing over
 * what was counted. While a table grows, the old one is still there. */
static ac_status
reserve(ac_ngram_counter *self)
{
    const int64_t budget = self->options.memory, bytes = ac_ngram_counter_bytes(self);
    const bool words = self->word_count + BATCH + 4 > self->word_capacity;
    const bool pairs = self->options.pairs && is_tight(self->pair_count, self->pair_capacity);
    const bool triples =
        self->options.triples && is_tight(self->triple_count, self->triple_capacity);
    int64_t more = 0;
    ac_status st = AC_OK;

    if (words)
        more +=
            2 * self->word_capacity * (int64_t) (sizeof *self->words + 2 * sizeof *self->slots);
    if (pairs)
        more += 2 * self->pair_capacity * (int64_t) sizeof *self->pairs;
    if (triples)
        more += 2 * self->triple_capacity * (int64_t) sizeof *self->triples;
    if (bytes + more > (more ? budget / 8 * 7 : budget) ||
        self->since_flush > MOST_WORDS) { /* an eighth is left to the texts */
        if (self->since_flush)
            return flush(self);
        if (more == 0)
            return AC_OK; /* a budget that is too small for one batch is exceeded */
    }
    if (words)
        AC_TRY(grow_words(self));
    if (pairs)
        AC_TRY(grow_pairs(self));
    if (triples)
        AC_TRY(grow_triples(self));
out:
    return st;
}

/* ---- counting ---- */

ac_status
ac_ngram_counter_init(ac_ngram_counter *self, const ac_ngram_options *options)
{
    ac_status st = AC_OK;

    *self = (ac_ngram_counter){ .options = *options };
    AC_TRY(grow_words(self));
    if (options->pairs)
        AC_TRY(grow_pairs(self));
    if (options->triples)
        AC_TRY(grow_triples(self));
out:
    if (st != AC_OK)
        ac_ngram_counter_free(self);
    return st;
}

void
ac_ngram_counter_free(ac_ngram_counter *self)
{
    ac_buffer_free(&self->text);
    ac_buffer_free(&self->lowered);
    ac_texts_free(&self->head);
    free(self->words);
    free(self->slots);
    free(self->pairs);
    free(self->triples);
    *self = (ac_ngram_counter){ 0 };
}

void
ac_ngram_counter_begin(ac_ngram_counter *self, uint64_t position)
{
    self->position = position;
    self->before_count = 0;
    ac_texts_reset(&self->head);
}

void
ac_ngram_counter_break(ac_ngram_counter *self)
{
    self->before_count = 0;
}

/* The number of a word, which is new where it was not seen since the last reset. There is place
 * for it. */
static ac_status
number_word(ac_ngram_counter *self, const char *word, size_t n, uint64_t hash, uint32_t *number)
{
    int64_t at = (int64_t) (hash & (uint64_t) (self->slot_capacity - 1));
    ac_status st;

    for (; self->slots[at].number; at = (at + 1) & (self->slot_capacity - 1)) {
        const ac_ngram_word *w = &self->words[self->slots[at].number - 1];
        if (self->slots[at].tag == (uint32_t) (hash >> 32) && w->length == n &&
            memcmp(self->text.data + w->offset, word, n) == 0) {
            *number = self->slots[at].number - 1;
            return AC_OK;
        }
    }
    AC_CHECK(self->word_count < self->word_capacity);
    if (n > UINT32_MAX / 4)
        return ac_error_set(AC_E_LIMIT, "a word of %zu bytes", n);
    *number = (uint32_t) self->word_count;
    self->words[self->word_count++] =
        (ac_ngram_word){ .hash = hash, .offset = self->text.size, .length = (uint32_t) n };
    self->slots[at] = (ac_ngram_slot){ (uint32_t) (hash >> 32), *number + 1 };
    st = ac_buffer_push(&self->text, word, n);
    return st;
}

static ac_status
number_text(ac_ngram_counter *self, const ac_texts *words, int64_t i, uint32_t *number)
{
    const char *text = ac_texts_at(words, i);
    const size_t n = ac_texts_size(words, i);

    return number_word(self, text, n, XXH3_64bits(text, n), number);
}

static void
count_ngrams(ac_ngram_counter *self, const uint32_t *words, int first, int count)
{
    for (int i = first > 1 ? first : 1; self->options.pairs && i < count; i++) {
        const ac_ngram_pair pair = { { words[i - 1], words[i] }, 1 };
        if (i + AHEAD < count)
            __builtin_prefetch(&self->pairs[pair_place(words[i + AHEAD - 1], words[i + AHEAD],
                                                       self->pair_capacity)],
                               1);
        count_pair(self->pairs, self->pair_capacity, &pair, &self->pair_count);
    }
    for (int i = first > 2 ? first : 2; self->options.triples && i < count; i++) {
        const ac_ngram_triple triple = { { words[i - 2], words[i - 1], words[i] }, 1 };
        if (i + AHEAD < count)
            __builtin_prefetch(
                &self->triples[triple_place(words[i + AHEAD - 2], words[i + AHEAD - 1],
                                            words[i + AHEAD], self->triple_capacity)],
                1);
        count_triple(self->triples, self->triple_capacity, &triple, &self->triple_count);
    }
}

/* A word of the present batch. */
typedef struct found_word {
    const char *text; /* NULL: lower-cased, at self->lowered.data + offset */
    size_t offset, length;
    uint64_t hash;
} found_word;

static ac_status
lower_word(ac_ngram_counter *self, found_word *word, ac_word_case letters)
{
    ac_status st = AC_OK;

    word->offset = self->lowered.size;
    if (letters == AC_WORD_UNICODE) {
        st = ac_unicode_lower(&self->lowered, word->text, word->length);
    } else {
        st = ac_buffer_push(&self->lowered, word->text, word->length);
        for (size_t i = word->offset; st == AC_OK && i < self->lowered.size; i++)
            if (self->lowered.data[i] >= 'A' && self->lowered.data[i] <= 'Z')
                self->lowered.data[i] = (char) (self->lowered.data[i] + 32);
    }
    word->text = NULL;
    word->length = self->lowered.size - word->offset;
    return st;
}

/* The next words of the text, at most BATCH, as they are counted; the memory that counting them
 * will touch is called for. */
static ac_status
find_words(ac_ngram_counter *self, const char *text, size_t n, size_t *at, found_word *words,
           int *count)
{
    ac_word_span span;
    ac_status st = AC_OK;

    ac_buffer_reset(&self->lowered);
    for (*count = 0; *count < BATCH && ac_words_next(text, n, at, &span); ++*count) {
        found_word *w = &words[*count];
        *w = (found_word){ .text = text + span.from, .length = span.to - span.from };
        if (self->options.lower && span.letters != AC_WORD_LOWER)
            AC_TRY(lower_word(self, w, span.letters));
        w->hash = XXH3_64bits(w->text ? w->text : self->lowered.data + w->offset, w->length);
        __builtin_prefetch(&self->slots[w->hash & (uint64_t) (self->slot_capacity - 1)]);
    }
out:
    return st;
}

static ac_status
count_word(ac_ngram_counter *self, const found_word *found, uint32_t *number)
{
    const char *text = found->text ? found->text : self->lowered.data + found->offset;
    ac_ngram_word *w;
    ac_status st = AC_OK;

    AC_TRY(number_word(self, text, found->length, found->hash, number));
    w = &self->words[*number];
    if (w->count++ == 0)
        w->first = self->position;
    if (self->head.count < 2)
        AC_TRY(ac_texts_push(&self->head, text, found->length));
    self->position++;
    self->since_flush++;
out:
    return st;
}

ac_status
ac_ngram_counter_add(ac_ngram_counter *self, const char *text, size_t n)
{
    uint32_t words[BATCH + 2];
    found_word found[BATCH];
    size_t at = 0;
    int count = BATCH;
    ac_status st = AC_OK;

    while (count == BATCH) {
        int first;
        AC_TRY(reserve(self));
        first = self->before_count;
        memcpy(words, self->before, sizeof self->before);
        AC_TRY(find_words(self, text, n, &at, found, &count));
        for (int i = 0; i < count; i++) {
            if (i + AHEAD < count) {
                const ac_ngram_slot *slot =
                    &self->slots[found[i + AHEAD].hash & (uint64_t) (self->slot_capacity - 1)];
                __builtin_prefetch(&self->words[slot->number ? slot->number - 1 : 0]);
            }
            AC_TRY(count_word(self, &found[i], &words[first + i]));
        }
        count_ngrams(self, words, first, first + count);
        self->before_count = first + count < 2 ? first + count : 2;
        memcpy(self->before, words + first + count - self->before_count,
               (size_t) self->before_count * sizeof *words);
    }
out:
    return st;
}

ac_status
ac_ngram_counter_tail(const ac_ngram_counter *self, ac_texts *out)
{
    ac_status st = AC_OK;

    for (int i = 0; i < self->before_count; i++) {
        const ac_ngram_word *w = &self->words[self->before[i]];
        AC_TRY(ac_texts_push(out, self->text.data + w->offset, w->length));
    }
out:
    return st;
}

ac_status
ac_ngram_counter_add_single(ac_ngram_counter *self, int k, const ac_texts *words)
{
    uint32_t numbers[3];
    ac_status st = AC_OK;

    AC_CHECK(words->count == k + 1 && (k == 1 || k == 2));
    if (k == 1 ? !self->options.pairs : !self->options.triples)
        return AC_OK;
    AC_TRY(reserve(self));
    for (int i = 0; i <= k; i++)
        AC_TRY(number_text(self, words, i, &numbers[i]));
    if (k == 1)
        count_pair(self->pairs, self->pair_capacity,
                   &(ac_ngram_pair){ { numbers[0], numbers[1] }, 1 }, &self->pair_count);
    else
        count_triple(self->triples, self->triple_capacity,
                     &(ac_ngram_triple){ { numbers[0], numbers[1], numbers[2] }, 1 },
                     &self->triple_count);
    self->since_flush++;
out:
    return st;
}

ac_status
ac_ngram_counter_reset(ac_ngram_counter *self)
{
    ac_texts last = { 0 };
    ac_status st = ac_ngram_counter_tail(self, &last);

    if (self->slots)
        memset(self->slots, 0, (size_t) self->slot_capacity * sizeof *self->slots);
    if (self->pairs)
        memset(self->pairs, 0, (size_t) self->pair_capacity * sizeof *self->pairs);
    if (self->triples)
        memset(self->triples, 0, (size_t) self->triple_capacity * sizeof *self->triples);
    ac_buffer_free(&self->text); /* the tables keep their memory; the texts get theirs anew */
    self->word_count = self->pair_count = self->triple_count = self->since_flush = 0;
    for (int64_t i = 0; i < last.count && st == AC_OK; i++)
        st = number_text(self, &last, i, &self->before[i]);
    ac_texts_free(&last);
    return st;
}
