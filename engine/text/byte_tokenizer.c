#define PCRE2_CODE_UNIT_WIDTH 8
#include "engine/text/byte_tokenizer.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "engine/base/memory.h"
#include "engine/text/unicode.h"

/* \s is Unicode's White_Space; PCRE2's own also takes U+180E. */
#define SPACE "\\p{White_Space}"
#define ENDINGS "(?i:'s|'t|'re|'ve|'m|'ll|'d)|"
#define GPT2_WORDS                                                                   \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" SPACE "\\p{L}\\p{N}]+|" SPACE \
    "+(?!\\P{White_Space})|" SPACE "+"
#define TODAYS_WORDS(digits)                                      \
    ENDINGS "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" digits "| ?[^" SPACE \
            "\\p{L}\\p{N}]+[\\r\\n]*|" SPACE "*[\\r\\n]+|" SPACE  \
            "+(?!\\P{White_Space})|" SPACE "+"

typedef struct ac_word_split {
    const char *name, *pattern;
    bool digits; /* each numeric character is a part of its own; a part's end is a text's end */
    bool whole;  /* a word that is a token is that token, whatever the merges say */
} ac_word_split;

static const ac_word_split splits[] = {
    { "gpt-2", GPT2_WORDS, false, false },
    { "smollm", GPT2_WORDS, true, false },
    { "llama-bpe", TODAYS_WORDS("\\p{N}{1,3}"), false, true },
    { "llama3", TODAYS_WORDS("\\p{N}{1,3}"), false, true }, /* names of before */
    { "llama-v3", TODAYS_WORDS("\\p{N}{1,3}"), false, true },
    { "qwen2", TODAYS_WORDS("\\p{N}"), false, false },
};

/* ---- making ---- */

static ac_status
compile(ac_byte_tokenizer *self, const char *split)
{
    int error;
    PCRE2_SIZE at;

    for (size_t i = 0; i < sizeof splits / sizeof *splits && !self->split; i++)
        if (strcmp(split, splits[i].name) == 0)
            self->split = &splits[i];
    if (!self->split)
        return ac_error_set(AC_E_FORMAT,
                            "words are split the way \"%s\", which this program does not know "
                            "(it knows gpt-2, smollm, llama-bpe, qwen2)",
                            split);
    self->pattern =
        pcre2_compile((PCRE2_SPTR) self->split->pattern, PCRE2_ZERO_TERMINATED,
                      PCRE2_UTF | PCRE2_UCP | PCRE2_NO_UTF_CHECK, &error, &at, NULL);
    if (!self->pattern && error == PCRE2_ERROR_HEAP_FAILED)
        return ac_error_set(AC_E_NOMEM, "out of memory for the tokenizer's pattern");
    AC_CHECK(self->pattern);
    pcre2_jit_compile(self->pattern, PCRE2_JIT_COMPLETE); /* slower without, but no failure */
    return AC_OK;
}

/* The tokens found whole, the longest first. */
static ac_status
list_whole(ac_byte_tokenizer *self)
{
    const ac_texts *t = &self->bpe.tokens;
    ac_status st = ac_alloc(&self->whole, t->count, sizeof *self->whole);

    if (st != AC_OK)
        return st;
    for (int64_t id = 0; id < t->count; id++) {
        int64_t at = self->whole_count;
        if ((self->kinds[id] != AC_TOKEN_CONTROL && self->kinds[id] != AC_TOKEN_USER_DEFINED) ||
            ac_texts_size(t, id) == 0)
            continue;
        for (; at > 0 && ac_texts_size(t, self->whole[at - 1]) < ac_texts_size(t, id); at--)
            self->whole[at] = self->whole[at - 1];
        self->whole[at] = (int32_t) id;
        self->whole_count++;
    }
    return AC_OK;
}

ac_status
ac_byte_tokenizer_init(ac_byte_tokenizer *self, const ac_texts *tokens,
                       const unsigned char *kinds, const char *merges, size_t merges_bytes,
                       const char *split)
{
    ac_status st = AC_OK;

    *self = (ac_byte_tokenizer){ 0 };
    AC_TRY(compile(self, split));
    AC_TRY(ac_bpe_init(&self->bpe, tokens, merges, merges_bytes, false));
    AC_TRY(ac_alloc(&self->kinds, tokens->count, sizeof *self->kinds));
    if (kinds && tokens->count)
        memcpy(self->kinds, kinds, (size_t) tokens->count);
    for (int64_t id = 0; id < tokens->count; id++)
        if (ac_texts_size(tokens, id) > 0 &&
            ac_bpe_find(&self->bpe, ac_texts_at(tokens, id), ac_texts_size(tokens, id)) != id)
            AC_FAIL(AC_E_FORMAT, "token %lld is there twice", (long long) id);
    st = list_whole(self);
out:
    if (st != AC_OK)
        ac_byte_tokenizer_free(self);
    return st;
}

void
ac_byte_tokenizer_free(ac_byte_tokenizer *self)
{
    ac_bpe_free(&self->bpe);
    free(self->kinds);
    free(self->whole);
    pcre2_code_free(self->pattern);
    *self = (ac_byte_tokenizer){ 0 };
}

/* ---- encoding ---- */

/* What encoding one text needs. */
typedef struct encoder {
    const ac_byte_tokenizer *tokenizer;
    ac_encoding *out;
    pcre2_match_data *match;
    ac_buffer word; /* a word's bytes that have tokens; its letters in GPT-2's alphabet */
} encoder;

static ac_status
push_id(ac_encoding *out, int32_t id)
{
    ac_status st = ac_grow(&out->ids, &out->capacity, out->count + 1, sizeof *out->ids);

    if (st == AC_OK)
        out->ids[out->count++] = id;
    return st;
}

/* GPT-2's character for a byte. */
static int32_t
letter_of(unsigned char byte)
{
    int32_t other = 256;

    if ((byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174)
        return byte;
    for (int b = 0; b < byte; b++)
        other += !((b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174);
    return other;
}

/* The token that a whole word is; -1: none. */
static int32_t
whole_word(encoder *e, const char *word, size_t n)
{
    ac_buffer_reset(&e->word);
    for (size_t i = 0; i < n; i++)
        ac_utf8_push(&e->word, letter_of((unsigned char) word[i]));
    return e->word.status == AC_OK ? ac_bpe_find(&e->tokenizer->bpe, e->word.data, e->word.size)
                                   : -1;
}

static ac_status
encode_word(encoder *e, const char *word, size_t n)
{
    const ac_bpe *bpe = &e->tokenizer->bpe;
    ac_encoding *out = e->out;
    int32_t id = e->tokenizer->split->whole ? whole_word(e, word, n) : -1;
    ac_status st = AC_OK;

    AC_TRY(e->word.status);
    if (id >= 0)
        return push_id(out, id);
    ac_buffer_reset(&e->word);
    for (size_t i = 0; i < n; i++)
        if (bpe->byte_ids[(unsigned char) word[i]] >= 0)
            ac_buffer_push_char(&e->word, word[i]);
    AC_TRY(e->word.status);
    if (e->word.size == 0)
        return AC_OK;
    AC_TRY(ac_grow(&out->ids, &out->capacity, out->count + (int64_t) e->word.size,
                   sizeof *out->ids));
    out->count += ac_bpe_word(bpe, e->word.data, e->word.size, -1, out->ids + out->count);
out:
    return st;
}

/* Words of a part, which the pattern takes for a whole text. */
static ac_status
encode_part(encoder *e, const char *text, size_t n)
{
    ac_status st = AC_OK;
    size_t at = 0;

    while (at < n && pcre2_match(e->tokenizer->pattern, (PCRE2_SPTR) text, n, at,
                                 PCRE2_NO_UTF_CHECK, e->match, NULL) > 0) {
        const PCRE2_SIZE *bounds = pcre2_get_ovector_pointer(e->match);
        AC_TRY(encode_word(e, text + bounds[0], bounds[1] - bounds[0]));
        at = bounds[1];
    }
out:
    return st;
}

static bool
is_numeric(int32_t point)
{
    const utf8proc_category_t category = utf8proc_category(point);

    return category == UTF8PROC_CATEGORY_ND || category == UTF8PROC_CATEGORY_NL ||
           category == UTF8PROC_CATEGORY_NO;
}

/* Numeric characters, each alone, and what lies between. */
static ac_status
encode_ordinary(encoder *e, const char *text, size_t n)
{
    ac_status st = AC_OK;
    size_t from = 0;

    for (size_t at = 0; e->tokenizer->split->digits && at < n;) {
        const size_t here = at;
        if (!is_numeric(ac_utf8_next(text, n, &at)))
            continue;
        AC_TRY(encode_part(e, text + from, here - from));
        AC_TRY(encode_part(e, text + here, at - here));
        from = at;
    }
    st = encode_part(e, text + from, n - from);
out:
    return st;
}

/* The token that stands whole at the text's beginning; -1: none. */
static int32_t
find_whole(const ac_byte_tokenizer *self, const char *text, size_t n, size_t *length)
{
    for (int64_t i = 0; i < self->whole_count; i++) {
        const int32_t id = self->whole[i];
        *length = ac_texts_size(&self->bpe.tokens, id);
        if (*length <= n && memcmp(text, ac_texts_at(&self->bpe.tokens, id), *length) == 0)
            return id;
    }
    return -1;
}

ac_status
ac_byte_tokenizer_encode(const ac_byte_tokenizer *self, const char *text, size_t n,
                         ac_encoding *out)
{
    encoder e = { .tokenizer = self, .out = out };
    size_t from = 0;
    ac_status st = AC_OK;

    out->count = 0;
    AC_TRY(ac_utf8_check(text, n));
    e.match = pcre2_match_data_create(1, NULL);
    if (!e.match)
        AC_FAIL(AC_E_NOMEM, "out of memory");
    for (size_t at = 0; at < n;) {
        size_t length;
        const int32_t id = find_whole(self, text + at, n - at, &length);
        if (id < 0) {
            at++;
            continue;
        }
        AC_TRY(encode_ordinary(&e, text + from, at - from));
        AC_TRY(push_id(out, id));
        at += length;
        from = at;
    }
    AC_TRY(encode_ordinary(&e, text + from, n - from));
    out->length = out->count;
out:
    pcre2_match_data_free(e.match);
    ac_buffer_free(&e.word);
    return st;
}

/* ---- decoding ---- */

ac_status
ac_byte_tokenizer_bytes(const ac_byte_tokenizer *self, const int32_t *ids, int64_t n,
                        bool skip_control, ac_buffer *out)
{
    const ac_texts *t = &self->bpe.tokens;
    ac_status st = AC_OK;

    for (int64_t i = 0; i < n; i++) {
        bool unused;
        if (ids[i] < 0 || ids[i] >= t->count)
            AC_FAIL(AC_E_FORMAT, "id %d is not of this vocabulary (0 to %lld)", ids[i],
                    (long long) t->count - 1);
        if (self->kinds[ids[i]] == AC_TOKEN_USER_DEFINED ||
            (self->kinds[ids[i]] == AC_TOKEN_CONTROL && !skip_control))
            ac_buffer_push(out, ac_texts_at(t, ids[i]), ac_texts_size(t, ids[i]));
        else if (self->kinds[ids[i]] != AC_TOKEN_CONTROL)
            AC_TRY(ac_bpe_bytes(&self->bpe, ids[i], out, &unused));
    }
    st = out->status;
out:
    return st;
}
