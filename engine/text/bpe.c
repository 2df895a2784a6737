#include "engine/text/bpe.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "engine/base/memory.h"
#include "engine/text/unicode.h"

/* GPT-2's alphabet: printable bytes stand for themselves, the 68 others for U+0100 and on, in
 * order. */
enum { OTHERS = 256, AFTER_BLANK = OTHERS + 33, SOFT_HYPHEN = AFTER_BLANK + 34 };

static int32_t
point_of_byte(int byte)
{
    return byte <= ' '                   ? OTHERS + byte
           : byte >= 127 && byte <= 0xa0 ? AFTER_BLANK + (byte - 127)
           : byte == 0xad                ? SOFT_HYPHEN
                                         : byte;
}

int
ac_bpe_byte_of(int32_t point)
{
    const int byte = point < OTHERS        ? point
                     : point < AFTER_BLANK ? point - OTHERS
                     : point < SOFT_HYPHEN ? point - AFTER_BLANK + 127
                                           : 0xad;

    return point >= 0 && point <= SOFT_HYPHEN && point_of_byte(byte) == point ? byte : -1;
}

ac_status
ac_bpe_push_byte(ac_buffer *out, int byte)
{
    return ac_utf8_push(out, point_of_byte(byte));
}

static bool
is_token(const ac_bpe *self, int32_t id, const char *text, size_t n)
{
    return ac_texts_is(&self->tokens, id, text, n);
}

int32_t
ac_bpe_find(const ac_bpe *self, const char *text, size_t n)
{
    for (int64_t at = (int64_t) (XXH3_64bits(text, n) & (uint64_t) self->by_text_mask);;
         at = (at + 1) & self->by_text_mask)
        if (self->by_text[at] < 0 || is_token(self, self->by_text[at], text, n))
            return self->by_text[at];
}

static ac_status
index_tokens(ac_bpe *self)
{
    int64_t capacity = 16;
    ac_status st;

    while (capacity < 2 * self->tokens.count)
        capacity *= 2;
    st = ac_alloc(&self->by_text, capacity, sizeof *self->by_text);
    if (st != AC_OK)
        return st;
    self->by_text_mask = capacity - 1;
    memset(self->by_text, 0xff, (size_t) capacity * sizeof *self->by_text);
    for (int64_t id = 0; id < self->tokens.count; id++) {
        const char *text = ac_texts_at(&self->tokens, id);
        size_t n = ac_texts_size(&self->tokens, id);
        int64_t at = (int64_t) (XXH3_64bits(text, n) & (uint64_t) self->by_text_mask);
        if (n == 0)
            continue;
        while (self->by_text[at] >= 0)
            at = (at + 1) & self->by_text_mask;
        self->by_text[at] = (int32_t) id;
    }
    return AC_OK;
}

static ac_bpe_merge *
merge_slot(const ac_bpe *self, uint64_t pair)
{
    int64_t at = (int64_t) ((pair * 0x9e3779b97f4a7c15u >> 20) & (uint64_t) self->merges_mask);

    while (self->merges[at].pair != ~(uint64_t) 0 && self->merges[at].pair != pair)
        at = (at + 1) & self->merges_mask;
    return &self->merges[at];
}

const ac_bpe_merge *
ac_bpe_find_merge(const ac_bpe *self, int32_t left, int32_t right)
{
    const ac_bpe_merge *m = merge_slot(self, (uint64_t) left << 32 | (uint32_t) right);

    return m->pair == ~(uint64_t) 0 ? NULL : m;
}

/* Two symbols and what they make together; AC_E_FORMAT without a message where one of them is
 * no token. */
static ac_status
find_merge_ids(const ac_bpe *self, const char *left, size_t n, const char *right, size_t m,
               ac_bpe_merge *out)
{
    ac_buffer joined = { 0 };
    const int32_t a = ac_bpe_find(self, left, n), b = ac_bpe_find(self, right, m);
    ac_status st = AC_OK;

    ac_buffer_push(&joined, left, n);
    AC_TRY(ac_buffer_push(&joined, right, m));
    out->id = ac_bpe_find(self, joined.data, joined.size);
    out->pair = (uint64_t) a << 32 | (uint32_t) b;
    if (a < 0 || b < 0 || out->id < 0)
        st = AC_E_FORMAT;
out:
    ac_buffer_free(&joined);
    return st;
}

static ac_status
add_merge(ac_bpe *self, const char *line, size_t n, int64_t number, int32_t rank)
{
    const char *space = memchr(line, ' ', n);
    size_t left = space ? (size_t) (space - line) : 0;
    ac_bpe_merge merge = { .rank = rank }, *slot;
    ac_status st;

    if (!space || left == 0 || left + 1 == n || memchr(space + 1, ' ', n - left - 1))
        return ac_error_set(AC_E_FORMAT,
                            "merges.txt:%lld: not two symbols with a space between",
                            (long long) number);
    st = find_merge_ids(self, line, left, space + 1, n - left - 1, &merge);
    if (st == AC_E_FORMAT)
        return ac_error_set(AC_E_FORMAT,
                            "merges.txt:%lld: \"%.*s\" is not of this vocabulary: vocab.json "
                            "and merges.txt of different models?",
                            (long long) number, (int) n, line);
    if (st != AC_OK)
        return st;
    slot = merge_slot(self, merge.pair);
    if (slot->pair == ~(uint64_t) 0)
        *slot = merge;
    return AC_OK;
}

static ac_status
alloc_merges(ac_bpe *self, int64_t most)
{
    int64_t capacity = 16;
    ac_status st;

    while (capacity < 2 * most)
        capacity *= 2;
    st = ac_alloc(&self->merges, capacity, sizeof *self->merges);
    if (st != AC_OK)
        return st;
    self->merges_mask = capacity - 1;
    for (int64_t i = 0; i < capacity; i++)
        self->merges[i].pair = ~(uint64_t) 0;
    return AC_OK;
}

static ac_status
read_merges(ac_bpe *self, const char *text, size_t n)
{
    ac_status st = AC_OK;
    int64_t lines = 1, number = 0;
    int32_t rank = 0;

    for (size_t i = 0; i < n; i++)
        lines += text[i] == '\n';
    AC_TRY(alloc_merges(self, lines));
    for (size_t at = 0; at < n;) {
        const char *end = memchr(text + at, '\n', n - at);
        size_t length = end ? (size_t) (end - text) - at : n - at, next = at + length + 1;
        number++;
        if (length && text[at + length - 1] == '\r')
            length--;
        if (length &&
            !(number == 1 && strncmp(text + at, "#version", length < 8 ? length : 8) == 0))
            AC_TRY(add_merge(self, text + at, length, number, rank++));
        at = next;
    }
out:
    return st;
}

static ac_status
take_pairs(ac_bpe *self, const ac_texts *pairs)
{
    ac_status st = AC_OK;

    AC_TRY(alloc_merges(self, pairs->count / 2));
    for (int64_t i = 0; i + 1 < pairs->count; i += 2) {
        const char *left = ac_texts_at(pairs, i), *right = ac_texts_at(pairs, i + 1);
        const size_t n = ac_texts_size(pairs, i), m = ac_texts_size(pairs, i + 1);
        ac_bpe_merge merge = { .rank = (int32_t) (i / 2) };
        st = find_merge_ids(self, left, n, right, m, &merge);
        if (st == AC_E_FORMAT)
            AC_FAIL(st,
                    "merge %lld (counted from 0), \"%.*s\" and \"%.*s\": these and what they "
                    "make are not all entries of the vocabulary",
                    (long long) i / 2, (int) n, left, (int) m, right);
        AC_TRY(st);
        *merge_slot(self, merge.pair) = merge;
    }
out:
    return st;
}

static ac_status
index_bytes(ac_bpe *self)
{
    ac_buffer symbol = { 0 };
    ac_status st = AC_OK;

    for (int b = 0; b < 256; b++) {
        ac_buffer_reset(&symbol);
        AC_TRY(ac_bpe_push_byte(&symbol, b));
        self->byte_ids[b] = ac_bpe_find(self, symbol.data, symbol.size);
        AC_TRY(ac_buffer_push_text(&symbol, "</w>"));
        self->byte_end_ids[b] = ac_bpe_find(self, symbol.data, symbol.size);
    }
out:
    ac_buffer_free(&symbol);
    return st;
}

static ac_status
init_tokens(ac_bpe *self, const ac_texts *tokens, bool word_end)
{
    ac_status st = AC_OK;

    *self = (ac_bpe){ .word_end = word_end };
    for (int64_t i = 0; i < tokens->count; i++)
        AC_TRY(ac_texts_push(&self->tokens, ac_texts_at(tokens, i), ac_texts_size(tokens, i)));
    AC_TRY(index_tokens(self));
    st = index_bytes(self);
out:
    return st;
}

ac_status
ac_bpe_init(ac_bpe *self, const ac_texts *tokens, const char *merges, size_t merges_bytes,
            bool word_end)
{
    ac_status st = init_tokens(self, tokens, word_end);

    if (st == AC_OK)
        st = read_merges(self, merges, merges_bytes);
    if (st != AC_OK)
        ac_bpe_free(self);
    return st;
}

ac_status
ac_bpe_init_pairs(ac_bpe *self, const ac_texts *tokens, const ac_texts *pairs, bool word_end)
{
    ac_status st = init_tokens(self, tokens, word_end);

    if (st == AC_OK)
        st = take_pairs(self, pairs);
    if (st != AC_OK)
        ac_bpe_free(self);
    return st;
}

void
ac_bpe_free(ac_bpe *self)
{
    ac_texts_free(&self->tokens);
    free(self->by_text);
    free(self->merges);
    *self = (ac_bpe){ 0 };
}

int64_t
ac_bpe_word(const ac_bpe *self, const char *word, size_t n, int32_t unknown, int32_t *ids)
{
    int64_t count = (int64_t) n;

    for (size_t i = 0; i < n; i++) {
        const int32_t *table =
            self->word_end && i + 1 == n ? self->byte_end_ids : self->byte_ids;
        const int32_t id = table[(unsigned char) word[i]];
        ids[i] = id < 0 ? unknown : id;
    }
    for (;;) { /* join every occurrence of the best pair, from left to right, until none is left
                */
        const ac_bpe_merge *best = NULL;
        int64_t to = 0;
        for (int64_t i = 0; i + 1 < count; i++) {
            const ac_bpe_merge *m =
                merge_slot(self, (uint64_t) ids[i] << 32 | (uint32_t) ids[i + 1]);
            if (m->pair != ~(uint64_t) 0 && (!best || m->rank < best->rank))
                best = m;
        }
        if (!best)
            return count;
        for (int64_t i = 0; i < count; i++) {
            if (i + 1 < count &&
                ((uint64_t) ids[i] << 32 | (uint32_t) ids[i + 1]) == best->pair) {
                ids[to++] = best->id;
                i++;
            } else {
                ids[to++] = ids[i];
            }
        }
        count = to;
    }
}

ac_status
ac_bpe_bytes(const ac_bpe *self, int32_t id, ac_buffer *out, bool *ends_word)
{
    const char *text = ac_texts_at(&self->tokens, id);
    size_t n = ac_texts_size(&self->tokens, id);

    *ends_word = self->word_end && n >= 4 && memcmp(text + n - 4, "</w>", 4) == 0;
    if (*ends_word)
        n -= 4;
    for (size_t i = 0; i < n;) {
        size_t from = i;
        int32_t point = ac_utf8_next(text, n, &i);
        const int byte = ac_bpe_byte_of(point);
        if (byte >= 0)
            ac_buffer_push_char(out, (char) byte);
        else
            ac_buffer_push(out, text + from, i - from);
    }
    return out->status;
}
