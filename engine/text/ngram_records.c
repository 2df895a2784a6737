#include "engine/text/ngram_records.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

/* The words of the n-gram at a place of table `kind`; 0: the place is free. */
static int
words_at(const ac_ngram_counter *self, int kind, int64_t place, uint32_t words[3],
         uint32_t *count)
{
    if (kind == 0) {
        words[0] = (uint32_t) place;
        *count = self->words[place].count;
    } else if (kind == 1) {
        memcpy(words, self->pairs[place].words, sizeof self->pairs[place].words);
        *count = self->pairs[place].count;
    } else {
        memcpy(words, self->triples[place].words, sizeof self->triples[place].words);
        *count = self->triples[place].count;
    }
    return *count ? kind + 1 : 0;
}

static int
prefix_of(const ac_ngram_counter *self, const uint32_t *words, int n)
{
    uint64_t h = 0;

    for (int i = 0; i < n; i++) {
        h = (h ^ self->words[words[i]].hash) * 0x9e3779b97f4a7c15u;
        h ^= h >> 29;
    }
    return (int) (h * 0xbf58476d1ce4e5b9u >> 52);
}

static int64_t
table_capacity(const ac_ngram_counter *self, int kind)
{
    return kind == 0   ? self->word_count
           : kind == 1 ? self->pair_capacity
                       : self->triple_capacity;
}

/* Counting sort of a table's places by prefix. */
static ac_status
order_table(ac_ngram_order *self, const ac_ngram_counter *counter, int kind)
{
    int64_t *bounds = self->bounds[kind], next[AC_NGRAM_PREFIXES], total = 0;
    uint32_t words[3], count;
    int n;
    ac_status st;

    for (int64_t i = 0; i < table_capacity(counter, kind); i++)
        if ((n = words_at(counter, kind, i, words, &count)))
            bounds[prefix_of(counter, words, n) + 1]++;
    for (int p = 0; p < AC_NGRAM_PREFIXES; p++) {
        next[p] = total;
        total += bounds[p + 1];
        bounds[p + 1] = total;
    }
    st = ac_alloc(&self->places[kind], total, sizeof **self->places);
    for (int64_t i = 0; st == AC_OK && i < table_capacity(counter, kind); i++)
        if ((n = words_at(counter, kind, i, words, &count)))
            self->places[kind][next[prefix_of(counter, words, n)]++] = (uint32_t) i;
    return st;
}

ac_status
ac_ngram_order_init(ac_ngram_order *self, const ac_ngram_counter *counter)
{
    ac_status st = AC_OK;

    *self = (ac_ngram_order){ 0 };
    for (int kind = 0; kind < AC_NGRAM_KINDS; kind++)
        AC_TRY(order_table(self, counter, kind));
out:
    if (st != AC_OK)
        ac_ngram_order_free(self);
    return st;
}

void
ac_ngram_order_free(ac_ngram_order *self)
{
    for (int kind = 0; kind < AC_NGRAM_KINDS; kind++)
        free(self->places[kind]);
    *self = (ac_ngram_order){ 0 };
}

int64_t
ac_ngram_record_bytes(const ac_ngram_counter *counter, int kind, uint32_t place)
{
    uint32_t words[3], count;
    const int n = words_at(counter, kind, place, words, &count);
    int64_t bytes = AC_NGRAM_RECORD_HEAD;

    for (int i = 0; i < n; i++)
        bytes += (int64_t) sizeof(uint32_t) + counter->words[words[i]].length;
    return bytes;
}

ac_status
ac_ngram_record_push(ac_buffer *out, const ac_ngram_counter *counter, int kind, uint32_t place)
{
    uint32_t words[3], count, key_bytes = 0;
    char head[AC_NGRAM_RECORD_HEAD];
    const int n = words_at(counter, kind, place, words, &count);
    const uint64_t wide = count, first = kind == 0 ? counter->words[words[0]].first : 0;

    for (int i = 0; i < n; i++)
        key_bytes += (uint32_t) sizeof(uint32_t) + counter->words[words[i]].length;
    memcpy(head, &key_bytes, 4);
    memcpy(head + 4, &wide, 8);
    memcpy(head + 12, &first, 8);
    ac_buffer_push(out, head, sizeof head);
    return ac_ngram_counter_key(counter, words, n, out);
}

ac_status
ac_ngram_counter_key(const ac_ngram_counter *self, const uint32_t *words, int n, ac_buffer *out)
{
    for (int i = 0; i < n; i++) {
        const ac_ngram_word *w = &self->words[words[i]];
        ac_buffer_push(out, &w->length, sizeof w->length);
        ac_buffer_push(out, self->text.data + w->offset, w->length);
    }
    return out->status;
}

void
ac_ngram_record_read(ac_ngram_record *out, const char *bytes, size_t *at)
{
    memcpy(&out->key_bytes, bytes + *at, sizeof out->key_bytes);
    memcpy(&out->count, bytes + *at + 4, sizeof out->count);
    memcpy(&out->first, bytes + *at + 12, sizeof out->first);
    out->key = bytes + *at + AC_NGRAM_RECORD_HEAD;
    *at += AC_NGRAM_RECORD_HEAD + out->key_bytes;
}

bool
ac_ngram_key_next(const char *key, size_t n, size_t *at, const char **word, uint32_t *length)
{
    if (*at >= n)
        return false;
    memcpy(length, key + *at, sizeof *length);
    *word = key + *at + sizeof *length;
    *at += sizeof *length + *length;
    return true;
}

int
ac_ngram_key_compare(const char *a, const char *b, int words)
{
    for (size_t i = 0, j = 0; words > 0; words--) {
        uint32_t n, m;
        int order;
        memcpy(&n, a + i, sizeof n);
        memcpy(&m, b + j, sizeof m);
        order = memcmp(a + i + sizeof n, b + j + sizeof m, n < m ? n : m);
        if (order || n != m)
            return order ? order : n < m ? -1 : 1;
        i += sizeof n + n;
        j += sizeof m + m;
    }
    return 0;
}

double
ac_ngram_pmi(uint64_t n, uint64_t N, const uint64_t *word_counts, int k)
{
    unsigned __int128 joint = n, product = 1;

    AC_CHECK(N < (uint64_t) 1 << 42);
    for (int i = 0; i < k; i++)
        product *= word_counts[i];
    for (int i = 1; i < k; i++)
        joint *= N;
    return log2((double) joint) - log2((double) product);
}
