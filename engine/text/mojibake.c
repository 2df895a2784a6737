#include "engine/text/mojibake.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "engine/text/unicode.h"

enum { MAX_SIGN = 7, MAX_DEPTH = 64 };

struct character {
    uint16_t point;
    uint8_t bytes[10];
    uint64_t sets[2];
};

/* Neighbours that hardly stand in sound text: their sets. */
struct sign {
    bool at_start;
    uint8_t count, sets[MAX_SIGN];
};

#include "engine/text/mojibake_tables.inc"

/* ---- code points and the sets that they belong to ---- */

typedef struct points {
    int32_t *at;
    size_t count, capacity;
} points;

static ac_status
reserve(points *self, size_t more)
{
    const size_t needed = self->count + more;
    size_t capacity = self->capacity ? self->capacity : 64;
    int32_t *at;

    if (needed <= self->capacity)
        return AC_OK;
    while (capacity < needed)
        capacity *= 2;
    if (!(at = realloc(self->at, capacity * sizeof *at)))
        return ac_error_set(AC_E_NOMEM, "no memory for a text of %zu characters", needed);
    self->at = at;
    self->capacity = capacity;
    return AC_OK;
}

static void
take(points *self, const int32_t *p, size_t n)
{
    if (n)
        memcpy(self->at + self->count, p, n * sizeof *p);
    self->count += n;
}

static const struct character *
find(int32_t p)
{
    size_t low = 0, high = sizeof characters / sizeof *characters;

    if (p < 0x80) /* the table begins with all of ASCII */
        return characters + p;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (characters[middle].point == p)
            return characters + middle;
        if (characters[middle].point < p)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

typedef struct sets {
    uint64_t bits[2];
} sets;

/* Letters and numbers are what Python's \w takes; "_" stands in the table. */
static bool
is_word(int32_t p)
{
    switch (utf8proc_category(p)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return true;
    default: return false;
    }
}

static sets
sets_of(int32_t p)
{
    const struct character *c = find(p);
    sets s = { { (UINT64_C(1) << SET_ANY_BUT_LINE_FEED) | (UINT64_C(1) << SET_NO_LATIN_LETTER),
                 0 } };

    if (c)
        return (sets){ { c->sets[0], c->sets[1] } };
    if (is_word(p))
        s.bits[0] |= UINT64_C(1) << SET_WORD;
    if (ac_unicode_is_space(p))
        s.bits[0] |= UINT64_C(1) << SET_SPACE;
    return s;
}

static bool
in_set(const sets *s, int set)
{
    return s->bits[set / 64] >> (set % 64) & 1;
}

/* ---- the heuristic: does the text look wrong? ---- */

static bool
begins_sign(const sets *window, size_t n, bool at_start)
{
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        size_t k = 0;
        if (signs[i].count > n || (signs[i].at_start && !at_start))
            continue;
        while (k < signs[i].count && in_set(window + k, signs[i].sets[k]))
            k++;
        if (k == signs[i].count)
            return true;
    }
    return false;
}

/* Each sign has a character past ASCII among its first three or four. */
static bool
is_bad(const int32_t *p, size_t n)
{
    sets window[MAX_SIGN];
    size_t filled = 0, beyond = 0; /* of the window; the first past ASCII at or behind i */

    for (size_t i = 0; i < n; i++) {
        while (beyond < n && (beyond < i || p[beyond] < 0x80))
            beyond++;
        if (beyond == n)
            return false;
        if (beyond > i + MAX_SIGN) {
            i = beyond - MAX_SIGN;
            filled = 0;
        }
        while (filled < MAX_SIGN && i + filled < n) {
            window[filled] = sets_of(p[i + filled]);
            filled++;
        }
        if (begins_sign(window, filled, i == 0))
            return true;
        memmove(window, window + 1, (MAX_SIGN - 1) * sizeof *window);
        filled -= filled > 0;
    }
    return false;
}

/* ---- sequences of bytes: restore_byte_a0, replace_lossy_sequences ---- */

enum byte_set {
    END,
    LEAD_2,         /* c2-df */
    LEAD_2_LATIN,   /* c2 c3 */
    LEAD_2_BLANK,   /* c2 c3 c5 ce d0 d9 */
    LEAD_3,         /* e0-ef */
    LEAD_3_LOW,     /* e0-e3 */
    LEAD_3_BLANK,   /* e2 e3 */
    LEAD_4,         /* f0-f4 */
    LEAD_F0,        /* f0 */
    SURROGATE,      /* ed */
    HIGH,           /* a0-af */
    LOW,            /* b0-bf */
    BLANK,          /* 20 */
    FOLLOW,         /* 80-bf */
    FOLLOW_NO_GAP,  /* 80-bf but for 85 and a0 */
    LOST,           /* 1a or "?" */
    LOST_OR_FOLLOW, /* 1a, 80-bf */
    ANY_LOST,       /* 1a, "?", 80-bf */
    SUBSTITUTE,     /* 1a */
};

static const struct {
    uint8_t from, to;
} ranges[][6] = {
    [LEAD_2] = { { 0xc2, 0xdf } },
    [LEAD_2_LATIN] = { { 0xc2, 0xc3 } },
    [LEAD_2_BLANK] = { { 0xc2, 0xc3 },
                       { 0xc5, 0xc5 },
                       { 0xce, 0xce },
                       { 0xd0, 0xd0 },
                       { 0xd9, 0xd9 } },
    [LEAD_3] = { { 0xe0, 0xef } },
    [LEAD_3_LOW] = { { 0xe0, 0xe3 } },
    [LEAD_3_BLANK] = { { 0xe2, 0xe3 } },
    [LEAD_4] = { { 0xf0, 0xf4 } },
    [LEAD_F0] = { { 0xf0, 0xf0 } },
    [SURROGATE] = { { 0xed, 0xed } },
    [HIGH] = { { 0xa0, 0xaf } },
    [LOW] = { { 0xb0, 0xbf } },
    [BLANK] = { { ' ', ' ' } },
    [FOLLOW] = { { 0x80, 0xbf } },
    [FOLLOW_NO_GAP] = { { 0x80, 0x84 }, { 0x86, 0x9f }, { 0xa1, 0xbf } },
    [LOST] = { { 0x1a, 0x1a }, { '?', '?' } },
    [LOST_OR_FOLLOW] = { { 0x1a, 0x1a }, { 0x80, 0xbf } },
    [ANY_LOST] = { { 0x1a, 0x1a }, { '?', '?' }, { 0x80, 0xbf } },
    [SUBSTITUTE] = { { 0x1a, 0x1a } },
};

typedef uint8_t sequence[8]; /* byte sets up to END */

/* UTF-8 but for a blank where the byte a0 was. */
static const sequence blanked[] = {
    { LEAD_2_BLANK, BLANK },
    { LEAD_3_BLANK, BLANK, FOLLOW_NO_GAP },
    { LEAD_3_LOW, FOLLOW_NO_GAP, BLANK },
    { LEAD_F0, BLANK, FOLLOW, FOLLOW },
    { LEAD_F0, FOLLOW, BLANK, FOLLOW },
    { LEAD_F0, FOLLOW, FOLLOW, BLANK },
    { END },
};

/* UTF-8, or surrogates in it, with bytes of it lost. */
static const sequence lossy[] = {
    { LEAD_2, SUBSTITUTE },
    { LEAD_2_LATIN, LOST },
    { SURROGATE, HIGH, LOST, SURROGATE, LOW, ANY_LOST },
    { SURROGATE, HIGH, ANY_LOST, SURROGATE, LOW, LOST },
    { LEAD_3, LOST, LOST_OR_FOLLOW },
    { LEAD_3, LOST_OR_FOLLOW, LOST },
    { LEAD_4, LOST, LOST_OR_FOLLOW, LOST_OR_FOLLOW },
    { LEAD_4, LOST_OR_FOLLOW, LOST, LOST_OR_FOLLOW },
    { LEAD_4, LOST_OR_FOLLOW, LOST_OR_FOLLOW, LOST },
    { SUBSTITUTE },
    { END },
};

static bool
in_byte_set(int set, uint8_t byte)
{
    for (int i = 0; i < 6 && ranges[set][i].to; i++)
        if (byte >= ranges[set][i].from && byte <= ranges[set][i].to)
            return true;
    return false;
}

/* The length of the first sequence that these bytes begin with; 0: none. */
static size_t
match(const sequence *table, const uint8_t *p, size_t n)
{
    for (; (*table)[0] != END; table++) {
        size_t k = 0;
        while ((*table)[k] != END && k < n && in_byte_set((*table)[k], p[k]))
            k++;
        if ((*table)[k] == END)
            return k;
    }
    return 0;
}

/* A French "à" of which the blank was its second byte and no other blank is left: not before
 * the rest of Portuguese contractions. */
static bool
is_a_grave(const uint8_t *p, size_t n)
{
    static const char *const others[] = { " ", "quele", "quela", "quilo", "s " };

    if (n < 2 || p[0] != 0xc3 || p[1] != ' ')
        return false;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        const size_t length = strlen(others[i]);
        if (n - 2 >= length && memcmp(p + 2, others[i], length) == 0)
            return false;
    }
    return true;
}

static const uint8_t *
bytes_of(const ac_buffer *self)
{
    return (const uint8_t *) (self->data ? self->data : "");
}

static bool
has_blanked(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] >= 0x80 && match(blanked, p + i, n - i))
            return true;
    return false;
}

/* in and scratch change places at each step. */
static ac_status
restore_byte_a0(ac_buffer *in, ac_buffer *scratch)
{
    const uint8_t *p = bytes_of(in);
    size_t length;

    if (!has_blanked(p, in->size))
        return AC_OK;
    ac_buffer_reset(scratch);
    for (size_t i = 0; i < in->size; i += length) {
        const bool grave = is_a_grave(p + i, in->size - i);
        length = grave ? 2 : 1;
        ac_buffer_push(scratch, grave ? (const void *) "\xc3\xa0 " : p + i, grave ? 3 : 1);
    }
    ac_buffer_reset(in);
    p = bytes_of(scratch);
    for (size_t i = 0; i < scratch->size; i += length) {
        const bool found =
            p[i] >= 0x80 && (length = match(blanked, p + i, scratch->size - i)) > 0;
        length = found ? length : 1;
        for (size_t k = i; k < i + length; k++)
            ac_buffer_push_char(in, (char) (found && p[k] == ' ' ? 0xa0 : p[k]));
    }
    return in->status != AC_OK ? in->status : scratch->status;
}

static ac_status
replace_lossy_sequences(ac_buffer *in, ac_buffer *scratch)
{
    const uint8_t *p = bytes_of(in);
    const ac_buffer old = *in;
    size_t length;

    ac_buffer_reset(scratch);
    for (size_t i = 0; i < in->size; i += length) {
        const bool found =
            (p[i] >= 0x80 || p[i] == 0x1a) && (length = match(lossy, p + i, in->size - i)) > 0;
        length = found ? length : 1;
        ac_buffer_push(scratch, found ? (const void *) "\xef\xbf\xbd" : p + i, found ? 3 : 1);
    }
    *in = *scratch;
    *scratch = old;
    return in->status != AC_OK ? in->status : scratch->status;
}

/* ---- a whole text in one code page that was UTF-8 ---- */

/* The code pages that have all characters of the text, as bits. */
static unsigned
possible_pages(const points *text)
{
    unsigned possible = (1u << PAGES) - 1;

    for (size_t i = 0; i < text->count && possible; i++) {
        const struct character *c = find(text->at[i]);
        unsigned has = 0;
        for (int page = 0; c && page < PAGES; page++)
            has |= (unsigned) (c->bytes[page] != 0 || c->point == 0) << page;
        possible &= has;
    }
    return possible;
}

static ac_status
encode(ac_buffer *out, const points *text, int page)
{
    ac_buffer_reset(out);
    for (size_t i = 0; i < text->count; i++)
        ac_buffer_push_char(out, (char) find(text->at[i])->bytes[page]);
    return out->status;
}

/* A pair of surrogates, each as three bytes (CESU-8). ftfy's expression ends with "$", which
 * matches before a last line feed too: that is then taken for the sixth byte. */
static bool
is_surrogate_pair(const uint8_t *p, size_t n)
{
    static const sequence pair[] = { { SURROGATE, HIGH, FOLLOW, SURROGATE, LOW }, { END } };

    return n >= 6 && match(pair, p, n) &&
           (in_byte_set(FOLLOW, p[5]) || (n == 6 && p[5] == '\n'));
}

/* The character of UTF-8 and its variants at p, and its length; 0: none. */
static size_t
decode_one(const uint8_t *p, size_t n, int32_t *point)
{
    utf8proc_int32_t found = 0;
    utf8proc_ssize_t length;

    if (n >= 2 && p[0] == 0xc0 && (p[1] == 0x80 || (n == 2 && p[1] == '\n'))) {
        *point = 0; /* Java's; before a last line feed as above */
        return 2;
    }
    if (p[0] == 0xed && is_surrogate_pair(p, n)) {
        *point = ((p[1] & 0x0f) << 16) + ((p[2] & 0x3f) << 10) + ((p[4] & 0x0f) << 6) +
                 (p[5] & 0x3f) + 0x10000;
        return 6;
    }
    length = utf8proc_iterate(p, (utf8proc_ssize_t) n, &found);
    *point = found;
    return length > 0 ? (size_t) length : 0;
}

/* *done: the bytes were such, and out holds the text. */
static ac_status
decode(points *out, const ac_buffer *bytes, bool *done)
{
    const uint8_t *p = bytes_of(bytes);
    ac_status st = AC_OK;
    size_t length;

    out->count = 0;
    *done = false;
    AC_TRY(reserve(out, bytes->size));
    for (size_t i = 0; i < bytes->size; i += length) {
        int32_t point;
        if (!(length = decode_one(p + i, bytes->size - i, &point)))
            goto out;
        out->at[out->count++] = point;
    }
    *done = true;
out:
    return st;
}

static ac_status
decode_whole(points *out, const points *text, bool *done)
{
    ac_buffer bytes = { 0 }, scratch = { 0 };
    const unsigned possible = possible_pages(text);
    ac_status st = AC_OK;

    *done = false;
    for (int page = 0; page < PAGES && !*done; page++) {
        if (!(possible >> page & 1))
            continue;
        AC_TRY(encode(&bytes, text, page));
        if (page != MACROMAN) /* there a dash and a blank would match */
            AC_TRY(restore_byte_a0(&bytes, &scratch));
        if (page >= SLOPPY_FIRST && page <= SLOPPY_LAST)
            AC_TRY(replace_lossy_sequences(&bytes, &scratch));
        AC_TRY(decode(out, &bytes, done));
    }
out:
    ac_buffer_free(&bytes);
    ac_buffer_free(&scratch);
    return st;
}

/* ---- parts of a text: decode_inconsistent_utf8 ---- */

static ac_status fix(points *text, int depth, int64_t *budget);

/* The length of what looks like characters of UTF-8 in a code page at `from`; 0: nothing. */
static size_t
embedded(const points *text, size_t from)
{
    size_t at = from;

    while (at < text->count) {
        const sets s = sets_of(text->at[at]);
        const size_t follow = in_set(&s, SET_FIRST_OF_2)   ? 1
                              : in_set(&s, SET_FIRST_OF_3) ? 2
                              : in_set(&s, SET_FIRST_OF_4) ? 3
                                                           : 0;
        if (!follow || text->count - at <= follow)
            break;
        for (size_t k = 1; k <= follow; k++) {
            const sets next = sets_of(text->at[at + k]);
            if (!in_set(&next, SET_CONTINUATION))
                return at - from;
        }
        at += follow + 1;
    }
    return at - from;
}

static bool
follows_continuation(const points *text, size_t at)
{
    const sets s = sets_of(at ? text->at[at - 1] : 'a');

    return in_set(&s, SET_CONTINUATION_STRICT);
}

static ac_status
fix_parts(points *out, const points *text, int depth, int64_t *budget)
{
    points part = { 0 };
    ac_status st = AC_OK;

    out->count = 0;
    for (size_t i = 0, length; i < text->count; i += length) {
        const bool found = text->at[i] >= 0x80 && (length = embedded(text, i)) > 0 &&
                           !follows_continuation(text, i);
        if (!found)
            length = 1;
        if (!found || length == text->count || !is_bad(text->at + i, length)) {
            AC_TRY(reserve(out, length));
            take(out, text->at + i, length);
            continue;
        }
        part.count = 0;
        AC_TRY(reserve(&part, length));
        take(&part, text->at + i, length);
        AC_TRY(fix(&part, depth + 1, budget));
        AC_TRY(reserve(out, part.count));
        take(out, part.at, part.count);
    }
out:
    free(part.at);
    return st;
}

/* ---- the whole ---- */

static bool
same(const points *a, const points *b)
{
    return a->count == b->count &&
           (a->count == 0 || memcmp(a->at, b->at, a->count * sizeof *a->at) == 0);
}

/* latin-1 that was windows-1252, and fix_c1_controls. */
static void
fix_c1_controls(points *text)
{
    for (size_t i = 0; i < text->count; i++)
        if (text->at[i] >= 0x80 && text->at[i] <= 0x9f)
            text->at[i] = ac_windows_1252_point(text->at[i]);
}

/* One round; `next` takes the outcome. */
static ac_status
fix_once(points *next, const points *text, int depth, int64_t *budget)
{
    bool done;
    ac_status st = AC_OK;

    AC_TRY(decode_whole(next, text, &done));
    if (done)
        goto out;
    AC_TRY(fix_parts(next, text, depth, budget));
    if (same(next, text))
        fix_c1_controls(next);
out:
    return st;
}

static ac_status
fix(points *text, int depth, int64_t *budget)
{
    points next = { 0 };
    ac_status st = AC_OK;

    while (depth<MAX_DEPTH && * budget> 0 && is_bad(text->at, text->count)) {
        points old;
        *budget -= (int64_t) text->count;
        AC_TRY(fix_once(&next, text, depth, budget));
        old = *text;
        *text = next;
        next = old;
        if (same(text, &next))
            break;
    }
out:
    free(next.at);
    return st;
}

ac_status
ac_mojibake_fix(ac_buffer *out, const char *text, size_t n, int64_t *budget)
{
    points p = { 0 };
    ac_status st = AC_OK;

    AC_TRY(reserve(&p, n));
    for (size_t i = 0; i < n;)
        p.at[p.count++] = ac_utf8_next(text, n, &i);
    AC_TRY(fix(&p, 0, budget));
    for (size_t i = 0; i < p.count; i++)
        ac_utf8_push(out, p.at[i]);
    st = out->status;
out:
    free(p.at);
    return st;
}

int64_t
ac_mojibake_budget(size_t n)
{
    return 16 * (int64_t) n + 2000000;
}
