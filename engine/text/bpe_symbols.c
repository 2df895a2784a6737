#include "engine/text/bpe_symbols.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/text/unicode.h"

/* A part of the word, in a list. id -1: joined to the one before it. */
typedef struct ac_bpe_symbol {
    int64_t previous, next; /* -1: none */
    int32_t id;
} ac_bpe_symbol;

/* A pair that may be joined: the symbol at `at` and the one behind it. */
typedef struct ac_bpe_candidate {
    int64_t at;
    int32_t rank, id;
} ac_bpe_candidate;

void
ac_bpe_rules_free(ac_bpe_rules *self)
{
    free(self->suffix);
    *self = (ac_bpe_rules){ 0 };
}

void
ac_bpe_work_free(ac_bpe_work *self)
{
    free(self->symbols);
    free(self->heap);
    *self = (ac_bpe_work){ 0 };
}

/* ---- the word's characters ---- */

static ac_status
add_symbol(ac_bpe_work *work, int32_t id)
{
    const ac_status st =
        ac_grow(&work->symbols, &work->symbol_capacity, work->count + 1, sizeof *work->symbols);

    if (st == AC_OK)
        work->symbols[work->count++] = (ac_bpe_symbol){ .id = id };
    return st;
}

/* The bytes of a character as tokens; *found: all of them are. */
static ac_status
add_bytes(const ac_bpe *self, const char *text, size_t n, ac_bpe_work *work, bool *found)
{
    const int64_t first = work->count;
    ac_status st = AC_OK;

    *found = true;
    for (size_t i = 0; *found && i < n; i++) {
        char name[8];
        int32_t id;
        snprintf(name, sizeof name, "<0x%02X>", (unsigned) (unsigned char) text[i]);
        id = ac_bpe_find(self, name, 6);
        if (id >= 0)
            AC_TRY(add_symbol(work, id));
        *found = id >= 0;
    }
    if (!*found)
        work->count = first;
out:
    return st;
}

static ac_status
add_characters(const ac_bpe *self, const ac_bpe_rules *rules, const char *word, size_t n,
               ac_bpe_work *work)
{
    ac_buffer last = { 0 };
    bool pending = false; /* an unknown character before this one is not yet a symbol */
    ac_status st = AC_OK;

    work->count = 0;
    for (size_t at = 0; at < n;) {
        const char *text = word + at;
        size_t size, next = at;
        bool found = false;
        int32_t id;
        ac_utf8_next(word, n, &next);
        size = next - at;
        at = next;
        if (at == n && rules->suffix) {
            ac_buffer_push(&last, text, size);
            AC_TRY(ac_buffer_push(&last, rules->suffix, rules->suffix_bytes));
            text = last.data;
            size = last.size;
        }
        id = ac_bpe_find(self, text, size);
        if (id < 0 && rules->byte_fallback)
            AC_TRY(add_bytes(self, text, size, work, &found));
        if (found || (id < 0 && rules->unknown < 0))
            continue;
        if (pending && !(id < 0 && rules->fuse_unknown))
            AC_TRY(add_symbol(work, rules->unknown));
        pending = id < 0;
        if (id >= 0)
            AC_TRY(add_symbol(work, id));
    }
    if (pending)
        AC_TRY(add_symbol(work, rules->unknown));
out:
    ac_buffer_free(&last);
    return st;
}

/* ---- joining ---- */

static bool
is_before(const ac_bpe_candidate *a, const ac_bpe_candidate *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

/* The pair that begins at this symbol into the heap, if it may be joined. Room was made. */
static void
offer(const ac_bpe *self, ac_bpe_work *work, int64_t at)
{
    const ac_bpe_merge *m;
    ac_bpe_candidate new;
    int64_t i = work->heap_count;

    if (at < 0 || work->symbols[at].next < 0)
        return;
    m = ac_bpe_find_merge(self, work->symbols[at].id, work->symbols[work->symbols[at].next].id);
    if (!m)
        return;
    new = (ac_bpe_candidate){ .at = at, .rank = m->rank, .id = m->id };
    work->heap_count++;
    for (; i > 0 && is_before(&new, &work->heap[(i - 1) / 2]); i = (i - 1) / 2)
        work->heap[i] = work->heap[(i - 1) / 2];
    work->heap[i] = new;
}

static ac_bpe_candidate
take_best(ac_bpe_work *work)
{
    const ac_bpe_candidate best = work->heap[0], last = work->heap[--work->heap_count];
    int64_t i = 0;

    for (int64_t child; (child = 2 * i + 1) < work->heap_count; i = child) {
        if (child + 1 < work->heap_count &&
            is_before(&work->heap[child + 1], &work->heap[child]))
            child++;
        if (!is_before(&work->heap[child], &last))
            break;
        work->heap[i] = work->heap[child];
    }
    work->heap[i] = last;
    return best;
}

static ac_status
join(const ac_bpe *self, ac_bpe_work *work)
{
    ac_bpe_symbol *s;
    ac_status st = AC_OK;

    /* every pair once, and two more for each of at most count - 1 joins */
    AC_TRY(ac_grow(&work->heap, &work->heap_capacity, 3 * work->count + 1, sizeof *work->heap));
    s = work->symbols;
    work->heap_count = 0;
    for (int64_t i = 0; i < work->count; i++) {
        s[i].previous = i - 1;
        s[i].next = i + 1 < work->count ? i + 1 : -1;
    }
    for (int64_t i = 0; i < work->count; i++)
        offer(self, work, i);
    while (work->heap_count) {
        const ac_bpe_candidate best = take_best(work);
        ac_bpe_symbol *left = &s[best.at], *right;
        const ac_bpe_merge *m;
        if (left->id < 0 || left->next < 0)
            continue;
        right = &s[left->next];
        m = ac_bpe_find_merge(self, left->id, right->id);
        if (!m || m->id != best.id) /* one of the two was joined to another meanwhile */
            continue;
        left->id = m->id;
        left->next = right->next;
        right->id = -1;
        if (left->next >= 0)
            s[left->next].previous = best.at;
        offer(self, work, left->previous);
        offer(self, work, best.at);
    }
out:
    return st;
}

ac_status
ac_bpe_encode_word(const ac_bpe *self, const ac_bpe_rules *rules, const char *word, size_t n,
                   ac_bpe_work *work, ac_piece_ids *out)
{
    const int32_t whole = rules->whole_words ? ac_bpe_find(self, word, n) : -1;
    ac_status st = AC_OK;

    work->count = 0;
    if (whole >= 0) {
        AC_TRY(add_symbol(work, whole));
    } else {
        AC_TRY(add_characters(self, rules, word, n, work));
        AC_TRY(join(self, work));
    }
    AC_TRY(ac_grow(&out->ids, &out->capacity, out->count + work->count, sizeof *out->ids));
    for (int64_t i = 0; i < work->count; i++)
        if (work->symbols[i].id >= 0)
            out->ids[out->count++] = work->symbols[i].id;
out:
    return st;
}
