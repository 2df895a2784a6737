#define PCRE2_CODE_UNIT_WIDTH 8
#include "engine/text/tokenizer.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/text/clean.h"
#include "engine/text/siglip_text.h"
#include "engine/text/unicode.h"

/* The Python patterns' \s is Unicode's White_Space; PCRE2's own also takes U+180E. */
static const char clip_pattern[] = "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|"
                                   "'d|[\\p{L}]+|[\\p{N}]|[^\\p{White_Space}\\p{L}\\p{N}]+";
static const char gpt2_pattern[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| "
    "?[^\\p{White_Space}\\p{L}\\p{N}]+|\\p{White_Space}+(?!\\P{White_Space})|\\p{White_Space}+";

ac_status
ac_tokenizer_init(ac_tokenizer *self, ac_tokenizer_kind kind, const ac_texts *vocabulary,
                  const char *merges, size_t merges_bytes)
{
    const bool clip = kind == AC_TOKENIZER_CLIP;
    const char *const names[3][5] = {
        { "<|startoftext|>", "<|endoftext|>", "<|endoftext|>", "<|endoftext|>", "" },
        { "<s>", "</s>", "<pad>", "<unk>", "<mask>" },
        { "<|endoftext|>", "<|endoftext|>", "", "<|endoftext|>", "" },
    };
    int32_t *const ids[5] = { &self->start, &self->end, &self->pad, &self->unknown,
                              &self->mask };
    int error;
    PCRE2_SIZE at;
    ac_status st;

    *self = (ac_tokenizer){ .kind = kind };
    st = ac_bpe_init(&self->bpe, vocabulary, merges, merges_bytes, clip);
    if (st != AC_OK)
        return st;
    for (int i = 0; i < 5; i++) {
        const char *name = names[kind][i];
        *ids[i] = *name ? ac_bpe_find(&self->bpe, name, strlen(name)) : -1;
        if (*name && *ids[i] < 0 && i < 2) {
            st = ac_error_set(AC_E_FORMAT,
                              "the vocabulary has no \"%s\": is it another kind of model's?",
                              name);
            ac_tokenizer_free(self);
            return st;
        }
    }
    self->pattern =
        pcre2_compile((PCRE2_SPTR) (clip ? clip_pattern : gpt2_pattern), PCRE2_ZERO_TERMINATED,
                      PCRE2_UTF | PCRE2_UCP | PCRE2_NO_UTF_CHECK | (clip ? PCRE2_CASELESS : 0),
                      &error, &at, NULL);
    if (!self->pattern && error == PCRE2_ERROR_HEAP_FAILED) {
        ac_tokenizer_free(self);
        return ac_error_set(AC_E_NOMEM, "out of memory for the tokenizer's pattern");
    }
    AC_CHECK(self->pattern);
    pcre2_jit_compile(self->pattern, PCRE2_JIT_COMPLETE); /* slower without, but no failure */
    return AC_OK;
}

ac_status
ac_tokenizer_init_siglip_take(ac_tokenizer *self, ac_unigram *model)
{
    *self = (ac_tokenizer){ .kind = AC_TOKENIZER_SIGLIP,
                            .unigram = *model,
                            .start = -1,
                            .mask = -1,
                            .unknown = model->unknown };
    *model = (ac_unigram){ 0 };
    self->end = self->pad = ac_unigram_find(&self->unigram, "</s>", 4);
    if (self->end >= 0)
        return AC_OK;
    ac_tokenizer_free(self);
    return ac_error_set(AC_E_FORMAT,
                        "the vocabulary has no \"</s>\": is it another kind of model's?");
}

void
ac_tokenizer_free(ac_tokenizer *self)
{
    ac_bpe_free(&self->bpe);
    ac_unigram_free(&self->unigram);
    pcre2_code_free(self->pattern);
    *self = (ac_tokenizer){ 0 };
}

int64_t
ac_tokenizer_size(const ac_tokenizer *self)
{
    return self->kind == AC_TOKENIZER_SIGLIP ? self->unigram.pieces.count
                                             : self->bpe.tokens.count;
}

void
ac_encoding_free(ac_encoding *self)
{
    free(self->ids);
    *self = (ac_encoding){ 0 };
}

static ac_status
push_id(ac_encoding *out, int32_t id)
{
    ac_status st = ac_grow(&out->ids, &out->capacity, out->count + 1, sizeof *out->ids);

    if (st == AC_OK)
        out->ids[out->count++] = id;
    return st;
}

/* CLIP's specials may stand in the text; the pattern finds them. -1: an ordinary word. */
static int32_t
clip_special(const ac_tokenizer *self, const char *word, size_t n)
{
    if (n == 15 && memcmp(word, "<|startoftext|>", 15) == 0)
        return self->start;
    if (n == 13 && memcmp(word, "<|endoftext|>", 13) == 0)
        return self->end;
    return -1;
}

/* Ordinary text: words by the pattern, each merged by itself. */
static ac_status
encode_words(const ac_tokenizer *self, const char *text, size_t n, ac_encoding *out)
{
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);
    ac_status st = AC_OK;
    size_t at = 0;

    if (!match)
        return ac_error_set(AC_E_NOMEM, "out of memory");
    while (at < n && pcre2_match(self->pattern, (PCRE2_SPTR) text, n, at, PCRE2_NO_UTF_CHECK,
                                 match, NULL) > 0) {
        const PCRE2_SIZE *bounds = pcre2_get_ovector_pointer(match);
        const char *word = text + bounds[0];
        size_t length = bounds[1] - bounds[0];
        int32_t special =
            self->kind == AC_TOKENIZER_CLIP ? clip_special(self, word, length) : -1;
        at = bounds[1];
        if (special >= 0) {
            AC_TRY(push_id(out, special));
            continue;
        }
        AC_TRY(ac_grow(&out->ids, &out->capacity, out->count + (int64_t) length,
                       sizeof *out->ids));
        out->count +=
            ac_bpe_word(&self->bpe, word, length, self->unknown, out->ids + out->count);
    }
out:
    pcre2_match_data_free(match);
    return st;
}

/* The first special token of BART's or GPT-2's in the text: where it begins; n: none. */
static size_t
find_special(const ac_tokenizer *self, const char *text, size_t n, int32_t *id, size_t *length)
{
    static const char *const bart[] = { "<s>", "<pad>", "</s>", "<unk>", "<mask>", NULL };
    static const char *const gpt2[] = { "<|endoftext|>", NULL };
    const char *const *names = self->kind == AC_TOKENIZER_BART ? bart : gpt2;

    for (size_t i = 0; i < n; i++) {
        if (text[i] != '<')
            continue;
        for (const char *const *name = names; *name; name++) {
            *length = strlen(*name);
            if (n - i >= *length && memcmp(text + i, *name, *length) == 0 &&
                (*id = ac_bpe_find(&self->bpe, *name, *length)) >= 0)
                return i;
        }
    }
    return n;
}

/* <mask> takes in the white space on its left. */
static size_t
without_trailing_space(const char *text, size_t n)
{
    size_t end = 0;

    for (size_t i = 0; i < n;)
        if (!ac_unicode_is_space(ac_utf8_next(text, n, &i)))
            end = i;
    return end;
}

static ac_status
encode_around_specials(const ac_tokenizer *self, const char *text, size_t n, ac_encoding *out)
{
    ac_status st = AC_OK;

    while (n) {
        int32_t id = -1;
        size_t length = 0, at = find_special(self, text, n, &id, &length);
        size_t ordinary = at < n && id == self->mask ? without_trailing_space(text, at) : at;
        AC_TRY(encode_words(self, text, ordinary, out));
        if (at == n)
            break;
        AC_TRY(push_id(out, id));
        text += at + length;
        n -= at + length;
    }
out:
    return st;
}

static ac_status
encode_siglip(const ac_tokenizer *self, const char *text, size_t n, ac_encoding *out)
{
    ac_piece_ids ids = { out->ids, out->count, out->capacity };
    const ac_status st = ac_siglip_encode(&self->unigram, text, n, &ids);

    out->ids = ids.ids;
    out->count = ids.count;
    out->capacity = ids.capacity;
    return st;
}

ac_status
ac_tokenizer_encode(const ac_tokenizer *self, const char *text, size_t n, int64_t max_length,
                    bool specials, ac_encoding *out)
{
    ac_buffer clean = { 0 };
    ac_status st = AC_OK;

    specials = specials && self->kind != AC_TOKENIZER_GPT2;
    out->count = 0;
    AC_TRY(ac_utf8_check(text, n));
    if (specials && self->start >= 0)
        AC_TRY(push_id(out, self->start));
    if (self->kind == AC_TOKENIZER_SIGLIP) {
        AC_TRY(encode_siglip(self, text, n, out));
    } else if (self->kind == AC_TOKENIZER_CLIP) {
        AC_TRY(ac_text_clean_clip(&clean, text, n));
        AC_TRY(encode_words(self, clean.data ? clean.data : "", clean.size, out));
    } else {
        AC_TRY(encode_around_specials(self, text, n, out));
    }
    if (specials && !(self->kind == AC_TOKENIZER_SIGLIP && out->count &&
                      out->ids[out->count - 1] == self->end)) /* not a second one */
        AC_TRY(push_id(out, self->end));
    out->length = out->count;
    if (max_length > 0 && out->count > max_length) {
        out->count = max_length;
        if (specials)
            out->ids[max_length - 1] = self->end;
    }
out:
    ac_buffer_free(&clean);
    return st;
}

static bool
is_special(const ac_tokenizer *self, int32_t id)
{
    return id == self->start || id == self->end || id == self->pad || id == self->unknown ||
           id == self->mask;
}

/* In place, from left to right: each occurrence of `from` becomes `to`, which is shorter. */
static void
replace_all(ac_buffer *b, size_t first, const char *from, const char *to)
{
    const size_t n = strlen(from), m = strlen(to);
    size_t out = first;

    for (size_t i = first; i < b->size;) {
        if (b->size - i >= n && memcmp(b->data + i, from, n) == 0) {
            memcpy(b->data + out, to, m);
            out += m;
            i += n;
        } else {
            b->data[out++] = b->data[i++];
        }
    }
    b->size = out;
    if (b->data)
        b->data[out] = '\0';
}

/* A piece's U+2581 is a blank; the one in front of the text is none. */
static ac_status
decode_siglip(const ac_tokenizer *self, const int32_t *ids, int64_t n, ac_buffer *out)
{
    const size_t first = out->size;
    ac_status st = AC_OK;

    for (int64_t i = 0; i < n; i++) {
        const char *piece;
        size_t size;
        if (ids[i] < 0 || ids[i] >= self->unigram.pieces.count)
            AC_FAIL(AC_E_FORMAT, "id %d is not of this vocabulary (0 to %lld)", ids[i],
                    (long long) self->unigram.pieces.count - 1);
        if (is_special(self, ids[i]))
            continue;
        piece = ac_texts_at(&self->unigram.pieces, ids[i]);
        size = ac_texts_size(&self->unigram.pieces, ids[i]);
        for (size_t at = 0; at < size;) {
            const size_t from = at;
            if (ac_utf8_next(piece, size, &at) != 0x2581)
                AC_TRY(ac_buffer_push(out, piece + from, at - from));
            else if (out->size > first)
                AC_TRY(ac_buffer_push_char(out, ' '));
        }
    }
out:
    return st;
}

ac_status
ac_tokenizer_decode(const ac_tokenizer *self, const int32_t *ids, int64_t n, bool clean_up,
                    ac_buffer *out)
{
    static const char *const pairs[][2] = { { " .", "." },     { " ?", "?" },
                                            { " !", "!" },     { " ,", "," },
                                            { " ' ", "'" },    { " n't", "n't" },
                                            { " 'm", "'m" },   { " 's", "'s" },
                                            { " 've", "'ve" }, { " 're", "'re" } };
    ac_buffer bytes = { 0 };
    ac_status st = AC_OK;
    size_t first = out->size;

    if (self->kind == AC_TOKENIZER_SIGLIP)
        return decode_siglip(self, ids, n, out);
    for (int64_t i = 0; i < n; i++) {
        bool ends_word;
        if (ids[i] < 0 || ids[i] >= self->bpe.tokens.count)
            AC_FAIL(AC_E_FORMAT, "id %d is not of this vocabulary (0 to %lld)", ids[i],
                    (long long) self->bpe.tokens.count - 1);
        if (is_special(self, ids[i]))
            continue;
        AC_TRY(ac_bpe_bytes(&self->bpe, ids[i], &bytes, &ends_word));
        if (ends_word)
            AC_TRY(ac_buffer_push_char(&bytes, ' '));
    }
    if (self->kind == AC_TOKENIZER_CLIP && bytes.size && bytes.data[bytes.size - 1] == ' ')
        bytes.size--;
    AC_TRY(ac_utf8_replace(out, bytes.data ? bytes.data : "", bytes.size));
    for (size_t i = 0; clean_up && i < sizeof pairs / sizeof *pairs; i++)
        replace_all(out, first, pairs[i][0], pairs[i][1]);
out:
    ac_buffer_free(&bytes);
    return st;
}
