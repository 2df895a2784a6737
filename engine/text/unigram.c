#include "engine/text/unigram.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "engine/base/memory.h"
#include "engine/text/unicode.h"

#define SPACE "\xe2\x96\x81" /* U+2581, which stands for a blank */

enum { SPACE_BYTES = 3, UNKNOWN_PENALTY = 10 };

/* ---- making ---- */

static bool
stands_in_text(uint8_t kind)
{
    return kind == AC_PIECE_NORMAL;
}

static int64_t
slot(const ac_unigram *self, const char *text, size_t n)
{
    return (int64_t) (XXH3_64bits(text, n) & (uint64_t) self->by_text_mask);
}

static ac_status
index_pieces(ac_unigram *self)
{
    int64_t capacity = 16;
    ac_status st;

    while (capacity < 2 * self->pieces.count)
        capacity *= 2;
    st = ac_alloc(&self->by_text, capacity, sizeof *self->by_text);
    if (st != AC_OK)
        return st;
    self->by_text_mask = capacity - 1;
    memset(self->by_text, 0xff, (size_t) capacity * sizeof *self->by_text);
    for (int64_t id = 0; id < self->pieces.count; id++) {
        const size_t n = ac_texts_size(&self->pieces, id);
        int64_t at = slot(self, ac_texts_at(&self->pieces, id), n);
        while (self->by_text[at] >= 0)
            at = (at + 1) & self->by_text_mask;
        self->by_text[at] = (int32_t) id;
        if (stands_in_text(self->kinds[id]) && n > self->longest)
            self->longest = n;
    }
    return AC_OK;
}

static ac_status
read_scores(ac_unigram *self, const float *scores, const uint8_t *kinds)
{
    const int64_t count = self->pieces.count;
    float least = INFINITY;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&self->scores, count, sizeof *self->scores));
    AC_TRY(ac_alloc(&self->kinds, count, sizeof *self->kinds));
    self->unknown = -1;
    for (int64_t id = 0; id < count; id++) {
        self->scores[id] = scores[id];
        self->kinds[id] = kinds[id];
        if (ac_texts_size(&self->pieces, id) == 0 || !isfinite(scores[id]))
            AC_FAIL(AC_E_FORMAT, "piece %lld is empty or has no score", (long long) id);
        if (kinds[id] == AC_PIECE_UNKNOWN)
            self->unknown = (int32_t) id;
        else if (kinds[id] == AC_PIECE_NORMAL)
            least = scores[id] < least ? scores[id] : least;
        else if (kinds[id] != AC_PIECE_CONTROL && kinds[id] != AC_PIECE_UNUSED)
            AC_FAIL(AC_E_FORMAT,
                    "piece %lld is of a kind that is not supported (user-defined or byte)",
                    (long long) id);
    }
    if (self->unknown < 0 || least == INFINITY)
        AC_FAIL(AC_E_FORMAT, "has no piece for the unknown, or no other pieces");
    self->unknown_score = least - UNKNOWN_PENALTY;
out:
    return st;
}

/* Size of the trie in bytes (little-endian), the trie, the replacements. */
static ac_status
read_charsmap(ac_unigram *self, const char *bytes, size_t n)
{
    uint32_t size = 0;
    ac_status st = AC_OK;

    if (n == 0)
        return AC_OK;
    for (int i = 0; n >= 4 && i < 4; i++)
        size |= (uint32_t) (unsigned char) bytes[i] << (8 * i);
    if (size < 4 || size % 4 || size > n - 4 || n - 4 - size == 0 || bytes[n - 1] != '\0')
        return ac_error_set(AC_E_FORMAT, "its table of normalisation is damaged");
    self->trie_units = size / 4;
    self->replacement_bytes = (int64_t) (n - 4 - size);
    AC_TRY(ac_alloc(&self->trie, self->trie_units, sizeof *self->trie));
    AC_TRY(ac_alloc(&self->replacements, self->replacement_bytes, 1));
    memcpy(self->trie, bytes + 4, size);
    memcpy(self->replacements, bytes + 4 + size, (size_t) self->replacement_bytes);
out:
    return st;
}

ac_status
ac_unigram_init(ac_unigram *self, const ac_texts *pieces, const float *scores,
                const uint8_t *kinds, const char *charsmap, size_t charsmap_bytes)
{
    ac_status st = AC_OK;

    *self = (ac_unigram){ 0 };
    for (int64_t i = 0; i < pieces->count; i++)
        AC_TRY(ac_texts_push(&self->pieces, ac_texts_at(pieces, i), ac_texts_size(pieces, i)));
    AC_TRY(ac_utf8_check(self->pieces.bytes.data, self->pieces.bytes.size));
    AC_TRY(read_scores(self, scores, kinds));
    AC_TRY(index_pieces(self));
    st = read_charsmap(self, charsmap, charsmap_bytes);
out:
    if (st != AC_OK)
        ac_unigram_free(self);
    return st;
}

void
ac_unigram_free(ac_unigram *self)
{
    ac_texts_free(&self->pieces);
    free(self->scores);
    free(self->kinds);
    free(self->by_text);
    free(self->trie);
    free(self->replacements);
    *self = (ac_unigram){ 0 };
}

int32_t
ac_unigram_find(const ac_unigram *self, const char *text, size_t n)
{
    for (int64_t at = slot(self, text, n);; at = (at + 1) & self->by_text_mask)
        if (self->by_text[at] < 0 || ac_texts_is(&self->pieces, self->by_text[at], text, n))
            return self->by_text[at];
}

/* ---- normalising ---- */

/* The longest rule that the text begins with, in a double array of Darts-clone: its bytes, and
 * where its replacement begins. 0: none. */
static size_t
find_rule(const ac_unigram *self, const char *text, size_t n, size_t *replacement)
{
    uint32_t unit, at = 0;
    size_t found = 0;

    if (!self->trie)
        return 0;
    unit = self->trie[0];
    for (size_t i = 0; i < n; i++) {
        const uint8_t byte = (uint8_t) text[i];
        at ^= unit >> 10 << ((unit & 0x200u) >> 6); /* the node's children */
        at ^= byte;
        if (at >= self->trie_units)
            break;
        unit = self->trie[at];
        if ((unit & 0x800000ffu) != byte)
            break;
        if (unit >> 8 & 1) { /* a rule ends here: its value is a child of its own */
            const uint32_t leaf = at ^ unit >> 10 << ((unit & 0x200u) >> 6);
            const uint32_t value =
                leaf < self->trie_units ? self->trie[leaf] & 0x7fffffffu : UINT32_MAX;
            if (value < self->replacement_bytes) {
                found = i + 1;
                *replacement = value;
            }
        }
    }
    return found;
}

/* The first character or rule of the text: how many bytes of it, and what stands for them. */
static size_t
next_part(const ac_unigram *self, const char *text, size_t n, const char **out, size_t *size)
{
    size_t replacement = 0, used = find_rule(self, text, n, &replacement);

    if (used) {
        *out = self->replacements + replacement;
        *size = strlen(*out);
        return used;
    }
    ac_utf8_next(text, n, &used);
    *out = text;
    *size = used;
    return used;
}

/* Blanks become U+2581, one in front; those at the ends and behind another are dropped. */
static ac_status
normalise(const ac_unigram *self, const char *text, size_t n, ac_buffer *out)
{
    const char *part;
    size_t size, at = 0;
    bool after_space = true;

    while (at < n) {
        const size_t used = next_part(self, text + at, n - at, &part, &size);
        if (size != 1 || *part != ' ')
            break;
        at += used;
    }
    if (at < n)
        ac_buffer_push(out, SPACE, SPACE_BYTES);
    while (at < n) {
        at += next_part(self, text + at, n - at, &part, &size);
        while (after_space && size && *part == ' ') {
            part++;
            size--;
        }
        for (size_t i = 0; i < size; i++)
            if (part[i] == ' ')
                ac_buffer_push(out, SPACE, SPACE_BYTES);
            else
                ac_buffer_push_char(out, part[i]);
        if (size)
            after_space = part[size - 1] == ' ';
    }
    while (out->size >= SPACE_BYTES &&
           memcmp(out->data + out->size - SPACE_BYTES, SPACE, SPACE_BYTES) == 0)
        out->size -= SPACE_BYTES;
    return out->status;
}

/* ---- the best way through ---- */

/* The best way to a place in the text. */
typedef struct step {
    int64_t from; /* -1: none yet */
    float score;
    int32_t id;
} step;

static void
offer(step *to, int64_t from, int32_t id, double score)
{
    if (to->from < 0 || score > (double) to->score)
        *to = (step){ .from = from, .score = (float) score, .id = id };
}

static void
find_best(const ac_unigram *self, const char *text, size_t n, step *steps)
{
    for (size_t i = 0; i <= n; i++)
        steps[i] = (step){ .from = -1 };
    for (size_t at = 0; at < n;) {
        size_t next = at, end;
        bool single = false;
        ac_utf8_next(text, n, &next);
        for (end = next; end <= n && end - at <= self->longest;) {
            const int32_t id = ac_unigram_find(self, text + at, end - at);
            if (id >= 0 && stands_in_text(self->kinds[id])) {
                offer(&steps[end], (int64_t) at, id,
                      (double) self->scores[id] + (double) steps[at].score);
                single = single || end == next;
            }
            if (end == n)
                break;
            ac_utf8_next(text, n, &end);
        }
        if (!single)
            offer(&steps[next], (int64_t) at, self->unknown,
                  (double) (self->unknown_score + steps[at].score));
        at = next;
    }
}

ac_status
ac_unigram_encode(const ac_unigram *self, const char *text, size_t n, ac_piece_ids *out)
{
    ac_buffer normalised = { 0 };
    step *steps = NULL;
    int64_t count = 0, first = out->count, kept;
    ac_status st = AC_OK;

    AC_TRY(normalise(self, text, n, &normalised));
    AC_TRY(ac_utf8_check(normalised.data ? normalised.data : "", normalised.size));
    AC_TRY(ac_alloc(&steps, (int64_t) normalised.size + 1, sizeof *steps));
    find_best(self, normalised.data ? normalised.data : "", normalised.size, steps);
    for (int64_t at = (int64_t) normalised.size; at > 0; at = steps[at].from)
        count++;
    AC_TRY(ac_grow(&out->ids, &out->capacity, first + count, sizeof *out->ids));
    for (int64_t at = (int64_t) normalised.size, i = count; at > 0; at = steps[at].from)
        out->ids[first + --i] = steps[at].id;
    kept = first;
    for (int64_t i = first; i < first + count; i++)
        if (i == first || out->ids[i] != self->unknown || out->ids[i - 1] != self->unknown)
            out->ids[kept++] = out->ids[i];
    out->count = kept;
out:
    ac_buffer_free(&normalised);
    free(steps);
    return st;
}
