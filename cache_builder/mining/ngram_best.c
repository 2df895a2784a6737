#include "cache_builder/mining/ngram_best.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

typedef struct candidate_head {
    double score;
    uint64_t count, first;
    uint32_t key_bytes, padding;
} candidate_head;

/* Negative: a is better. */
static int
compare(const ac_ngram_candidate *a, const char *key_a, const ac_ngram_candidate *b,
        const char *key_b, int words)
{
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    if (a->first != b->first)
        return a->first < b->first ? -1 : 1;
    return ac_ngram_key_compare(key_a, key_b, words);
}

static int
by_rank(const void *a, const void *b, void *context)
{
    const ac_ngram_best *self = context;
    const ac_ngram_candidate *x = a, *y = b;

    return compare(x, self->keys.data + x->offset, y, self->keys.data + y->offset, self->words);
}

/* Keep the best `most`, and only their keys. */
static ac_status
cut(ac_ngram_best *self)
{
    ac_buffer keys = { 0 };
    ac_status st = AC_OK;

    if (self->count)
        qsort_r(self->items, (size_t) self->count, sizeof *self->items, by_rank, self);
    if (self->count <= self->most)
        return AC_OK;
    self->count = self->most;
    for (int64_t i = 0; i < self->count; i++) {
        ac_ngram_candidate *c = &self->items[i];
        const char *key = self->keys.data + c->offset;
        c->offset = keys.size;
        AC_TRY(ac_buffer_push(&keys, key, c->key_bytes));
    }
    ac_buffer_free(&self->keys);
    self->keys = keys;
    keys = (ac_buffer){ 0 };
    self->worst = self->items[self->count - 1];
    self->has_worst = true;
    ac_buffer_reset(&self->worst_key);
    AC_TRY(ac_buffer_push(&self->worst_key, self->keys.data + self->worst.offset,
                          self->worst.key_bytes));
out:
    ac_buffer_free(&keys);
    return st;
}

ac_status
ac_ngram_best_push(ac_ngram_best *self, double score, uint64_t count, uint64_t first,
                   const char *key, uint32_t key_bytes)
{
    const ac_ngram_candidate c = { .score = score,
                                   .count = count,
                                   .first = first,
                                   .offset = self->keys.size,
                                   .key_bytes = key_bytes };
    ac_status st = AC_OK;

    if (self->has_worst &&
        compare(&c, key, &self->worst, self->worst_key.data, self->words) > 0)
        return AC_OK;
    AC_TRY(ac_grow(&self->items, &self->capacity, self->count + 1, sizeof *self->items));
    AC_TRY(ac_buffer_push(&self->keys, key, key_bytes));
    self->items[self->count++] = c;
    if (self->count >= 2 * self->most && self->count >= 1024)
        st = cut(self);
out:
    return st;
}

ac_status
ac_ngram_best_finish(ac_ngram_best *self)
{
    return cut(self);
}

ac_status
ac_ngram_best_write(const ac_ngram_best *self, ac_buffer *out)
{
    for (int64_t i = 0; i < self->count; i++) {
        const ac_ngram_candidate *c = &self->items[i];
        const candidate_head head = { c->score, c->count, c->first, c->key_bytes, 0 };
        ac_buffer_push(out, &head, sizeof head);
        ac_buffer_push(out, self->keys.data + c->offset, c->key_bytes);
    }
    return out->status;
}

ac_status
ac_ngram_best_read(ac_ngram_best *self, const char *bytes, size_t n)
{
    ac_status st = AC_OK;

    for (size_t at = 0; at < n && st == AC_OK;) {
        candidate_head head;
        memcpy(&head, bytes + at, sizeof head);
        st = ac_ngram_best_push(self, head.score, head.count, head.first,
                                bytes + at + sizeof head, head.key_bytes);
        at += sizeof head + head.key_bytes;
    }
    return st;
}

ac_status
ac_ngram_best_text(const ac_ngram_best *self, int64_t i, ac_buffer *out)
{
    const char *key = self->keys.data + self->items[i].offset, *word;
    const size_t start = out->size;
    uint32_t length;

    for (size_t at = 0;
         ac_ngram_key_next(key, self->items[i].key_bytes, &at, &word, &length);) {
        if (out->size > start)
            ac_buffer_push_char(out, ' ');
        ac_buffer_push(out, word, length);
    }
    return out->status;
}

void
ac_ngram_best_free(ac_ngram_best *self)
{
    free(self->items);
    ac_buffer_free(&self->keys);
    ac_buffer_free(&self->worst_key);
    *self = (ac_ngram_best){ 0 };
}
