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

/* The id of a token, of the vocabulary or added; -1: none. */
static int32_t
find_token(const ac_tokenizer *self, const char *name)
{
    const ac_added_tokens *added = &self->pipeline.added;

    for (int64_t i = 0; i < added->count; i++)
        if (ac_texts_is(&added->texts, i, name, strlen(name)))
            return added->items[i].id;
    return ac_bpe_find(&self->bpe, name, strlen(name));
}

/* The tokens that a kind has by name: start, end, padding, unknown, mask. Without a start or
 * end it is another kind's vocabulary. */
static ac_status
find_names(ac_tokenizer *self)
{
    const char *const names[3][5] = {
        { "<|startoftext|>", "<|endoftext|>", "<|endoftext|>", "<|endoftext|>", "" },
        { "<s>", "</s>", "<pad>", "<unk>", "<mask>" },
        { "<|endoftext|>", "<|endoftext|>", "", "<|endoftext|>", "" },
    };
    int32_t *const ids[5] = { &self->start, &self->end, &self->pad, &self->unknown,
                              &self->mask };

    for (int i = 0; i < 5; i++) {
        const char *name = names[self->kind][i];
        *ids[i] = *name ? find_token(self, name) : -1;
        if (*name && *ids[i] < 0 && i < 2)
            return ac_error_set(AC_E_FORMAT,
                                "the vocabulary has no \"%s\": is it another kind of model's?",
                                name);
    }
    return AC_OK;
}

static ac_status
compile_pattern(ac_tokenizer *self)
{
    const bool clip = self->kind == AC_TOKENIZER_CLIP;
    int error;
    PCRE2_SIZE at;

    self->pattern =
        pcre2_compile((PCRE2_SPTR) (clip ? clip_pattern : gpt2_pattern), PCRE2_ZERO_TERMINATED,
                      PCRE2_UTF | PCRE2_UCP | PCRE2_NO_UTF_CHECK | (clip ? PCRE2_CASELESS : 0),
                      &error, &at, NULL);
    if (!self->pattern && error == PCRE2_ERROR_HEAP_FAILED)
        return ac_error_set(AC_E_NOMEM, "out of memory for the tokenizer's pattern");
    AC_CHECK(self->pattern);
    pcre2_jit_compile(self->pattern, PCRE2_JIT_COMPLETE); /* slower without, but no failure */
    return AC_OK;
}

ac_status
ac_tokenizer_init(ac_tokenizer *self, ac_tokenizer_kind kind, const ac_texts *vocabulary,
                  const char *merges, size_t merges_bytes)
{
    ac_status st = AC_OK;

    AC_CHECK(kind <= AC_TOKENIZER_GPT2);
    *self = (ac_tokenizer){ .kind = kind };
    AC_TRY(
        ac_bpe_init(&self->bpe, vocabulary, merges, merges_bytes, kind == AC_TOKENIZER_CLIP));
    self->size = self->bpe.tokens.count;
    AC_TRY(find_names(self));
    st = compile_pattern(self);
out:
    if (st != AC_OK)
        ac_tokenizer_free(self);
    return st;
}

ac_status
ac_tokenizer_init_clip_take(ac_tokenizer *self, const ac_texts *vocabulary,
                            const ac_texts *merges, ac_added_tokens *added)
{
    static ac_text_step form[] = { { .kind = AC_STEP_NFC }, { .kind = AC_STEP_LOWERCASE } };
    const ac_text_steps cleaning = { .items = form, .count = 2 }; /* what becomes of a token */
    ac_status st = AC_OK;

    *self = (ac_tokenizer){ .kind = AC_TOKENIZER_CLIP, .pipeline.added = *added };
    *added = (ac_added_tokens){ 0 };
    AC_TRY(ac_bpe_init_pairs(&self->bpe, vocabulary, merges, true));
    self->size = self->bpe.tokens.count;
    AC_TRY(find_names(self));
    AC_TRY(ac_added_tokens_finish(&self->pipeline.added, &cleaning));
    st = compile_pattern(self);
out:
    if (st != AC_OK)
        ac_tokenizer_free(self);
    return st;
}

ac_status
ac_tokenizer_init_pipeline_take(ac_tokenizer *self, ac_tokenizer_kind kind, ac_bpe *bpe,
                                ac_text_pipeline *pipeline)
{
    ac_status st = AC_OK;

    *self = (ac_tokenizer){ .kind = kind,
                            .bpe = *bpe,
                            .pipeline = *pipeline,
                            .has_steps = true,
                            .pad = -1,
                            .mask = -1,
                            .unknown = pipeline->rules.unknown };
    *bpe = (ac_bpe){ 0 };
    *pipeline = (ac_text_pipeline){ 0 };
    pipeline = &self->pipeline;
    AC_CHECK(kind == AC_TOKENIZER_BART || kind == AC_TOKENIZER_GPT2 ||
             kind == AC_TOKENIZER_LLAMA);
    AC_TRY(ac_text_pipeline_finish(pipeline));
    self->size = self->bpe.tokens.count;
    for (int64_t i = 0; i < pipeline->added.count; i++)
        if (pipeline->added.items[i].id >= self->size)
            self->size = pipeline->added.items[i].id + 1;
    self->start = pipeline->before.count ? pipeline->before.ids[0] : -1;
    self->end = pipeline->after.count ? pipeline->after.ids[pipeline->after.count - 1] : -1;
    if (kind == AC_TOKENIZER_BART)
        st = find_names(self);
out:
    if (st != AC_OK)
        ac_tokenizer_free(self);
    return st;
}

ac_status
ac_tokenizer_init_siglip_take(ac_tokenizer *self, ac_unigram *model)
{
    *self = (ac_tokenizer){ .kind = AC_TOKENIZER_SIGLIP,
                            .unigram = *model,
                            .start = -1,
                            .mask = -1,
                            .unknown = model->unknown,
                            .size = model->pieces.count };
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
    ac_text_pipeline_free(&self->pipeline);
    pcre2_code_free(self->pattern);
    *self = (ac_tokenizer){ 0 };
}

int64_t
ac_tokenizer_size(const ac_tokenizer *self)
{
    return self->size;
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

/* CLIP's cleaning, then its words between those added tokens that are found in clean text. */
static ac_status
encode_clip_part(const ac_tokenizer *self, const char *text, size_t n, ac_encoding *out)
{
    ac_buffer clean = { 0 };
    ac_segments segments = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_text_clean_clip(&clean, text, n));
    text = clean.data ? clean.data : "";
    AC_TRY(ac_added_tokens_split(&self->pipeline.added, true, text, clean.size, &segments));
    for (int64_t i = 0; i < segments.count; i++) {
        const ac_segment s = segments.items[i];
        if (s.id >= 0)
            AC_TRY(push_id(out, s.id));
        else
            AC_TRY(encode_words(self, text + s.from, s.to - s.from, out));
    }
out:
    ac_buffer_free(&clean);
    free(segments.items);
    return st;
}

static ac_status
encode_clip(const ac_tokenizer *self, const char *text, size_t n, ac_encoding *out)
{
    ac_segments segments = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_added_tokens_split(&self->pipeline.added, false, text, n, &segments));
    for (int64_t i = 0; i < segments.count; i++) {
        const ac_segment s = segments.items[i];
        if (s.id >= 0)
            AC_TRY(push_id(out, s.id));
        else
            AC_TRY(encode_clip_part(self, text + s.from, s.to - s.from, out));
    }
out:
    free(segments.items);
    return st;
}

/* Ids of the text alone. */
static ac_status
encode_text(const ac_tokenizer *self, const char *text, size_t n, ac_encoding *out)
{
    ac_piece_ids ids = { out->ids, out->count, out->capacity };
    ac_status st;

    if (self->kind == AC_TOKENIZER_CLIP)
        return encode_clip(self, text, n, out);
    if (!self->has_steps && self->kind != AC_TOKENIZER_SIGLIP)
        return encode_around_specials(self, text, n, out);
    st = self->has_steps ? ac_text_pipeline_encode(&self->pipeline, &self->bpe, text, n, &ids)
                         : ac_siglip_encode(&self->unigram, text, n, &ids);
    out->ids = ids.ids;
    out->count = ids.count;
    out->capacity = ids.capacity;
    return st;
}

static ac_status
push_ids(ac_encoding *out, const ac_piece_ids *ids)
{
    ac_status st = AC_OK;

    for (int64_t i = 0; i < ids->count; i++)
        AC_TRY(push_id(out, ids->ids[i]));
out:
    return st;
}

static ac_status
encode_steps(const ac_tokenizer *self, const char *text, size_t n, int64_t max_length,
             bool specials, ac_encoding *out)
{
    const ac_piece_ids *after = &self->pipeline.after;
    ac_status st = AC_OK;

    if (specials)
        AC_TRY(push_ids(out, &self->pipeline.before));
    AC_TRY(encode_text(self, text, n, out));
    if (specials)
        AC_TRY(push_ids(out, after));
    out->length = out->count;
    if (max_length > 0 && out->count > max_length) {
        const int64_t kept = after->count < max_length ? after->count : max_length;
        out->count = max_length;
        for (int64_t i = 1; specials && i <= kept; i++)
            out->ids[max_length - i] = after->ids[after->count - i];
    }
out:
    return st;
}

ac_status
ac_tokenizer_encode(const ac_tokenizer *self, const char *text, size_t n, int64_t max_length,
                    bool specials, ac_encoding *out)
{
    ac_status st = AC_OK;

    out->count = 0;
    AC_TRY(ac_utf8_check(text, n));
    if (self->has_steps)
        return encode_steps(self, text, n, max_length, specials, out);
    specials = specials && self->kind != AC_TOKENIZER_GPT2;
    if (specials && self->start >= 0)
        AC_TRY(push_id(out, self->start));
    AC_TRY(encode_text(self, text, n, out));
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
    return st;
}

static bool
is_special(const ac_tokenizer *self, int32_t id)
{
    const int64_t added = ac_added_tokens_find(&self->pipeline.added, id);

    return id == self->start || id == self->end || id == self->pad || id == self->unknown ||
           id == self->mask || (added >= 0 && self->pipeline.added.items[added].special);
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

/* Without white space around, as Python's str.strip() leaves it. text is valid UTF-8. */
static ac_status
push_stripped(ac_buffer *out, const ac_buffer *text)
{
    size_t begin = text->size, end = 0;

    for (size_t i = 0; i < text->size;) {
        const size_t at = i;
        if (ac_unicode_is_space(ac_utf8_next(text->data, text->size, &i)))
            continue;
        begin = at < begin ? at : begin;
        end = i;
    }
    return ac_buffer_push(out, begin < end ? text->data + begin : "",
                          begin < end ? end - begin : 0);
}

/* The bytes of each token; CLIP's ends of words as blanks, but for those around all of it. */
static ac_status
decode_bytes(const ac_tokenizer *self, const int32_t *ids, int64_t n, ac_buffer *out)
{
    ac_buffer bytes = { 0 }, text = { 0 };
    ac_status st = AC_OK;

    for (int64_t i = 0; i < n; i++) {
        bool ends_word;
        if (is_special(self, ids[i]))
            continue;
        AC_TRY(ac_bpe_bytes(&self->bpe, ids[i], &bytes, &ends_word));
        if (ends_word)
            AC_TRY(ac_buffer_push_char(&bytes, ' '));
    }
    if (self->kind == AC_TOKENIZER_CLIP) {
        AC_TRY(ac_utf8_replace(&text, bytes.data ? bytes.data : "", bytes.size));
        st = push_stripped(out, &text);
    } else {
        st = ac_utf8_replace(out, bytes.data ? bytes.data : "", bytes.size);
    }
out:
    ac_buffer_free(&bytes);
    ac_buffer_free(&text);
    return st;
}

static ac_status
check_ids(const ac_tokenizer *self, const int32_t *ids, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (ids[i] < 0 || ids[i] >= self->size)
            return ac_error_set(AC_E_FORMAT, "id %d is not of this vocabulary (0 to %lld)",
                                ids[i], (long long) self->size - 1);
    return AC_OK;
}

bool
ac_tokenizer_is_byte_level(const ac_tokenizer *self)
{
    return self->has_steps ? self->pipeline.decoders.count == 1 &&
                                 self->pipeline.decoders.items[0].kind == AC_STEP_BYTE_LEVEL
                           : self->kind == AC_TOKENIZER_GPT2;
}

ac_status
ac_tokenizer_bytes(const ac_tokenizer *self, const int32_t *ids, int64_t n, bool skip_special,
                   ac_buffer *out)
{
    const ac_added_tokens *added = &self->pipeline.added;
    ac_status st = AC_OK;

    AC_CHECK(ac_tokenizer_is_byte_level(self));
    AC_TRY(check_ids(self, ids, n));
    for (int64_t i = 0; i < n; i++) {
        const int64_t a = ac_added_tokens_find(added, ids[i]);
        bool unused;
        if (skip_special &&
            (a >= 0 ? added->items[a].skipped : !self->has_steps && is_special(self, ids[i])))
            continue;
        if (a >= 0)
            ac_buffer_push(out, ac_texts_at(&added->decoded, a),
                           ac_texts_size(&added->decoded, a));
        else if (ids[i] < self->bpe.tokens.count)
            AC_TRY(ac_bpe_bytes(&self->bpe, ids[i], out, &unused));
    }
    st = out->status;
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
    ac_status st = AC_OK;
    const size_t first = out->size;

    AC_TRY(check_ids(self, ids, n));
    if (self->kind == AC_TOKENIZER_SIGLIP)
        return decode_siglip(self, ids, n, out);
    if (self->has_steps)
        AC_TRY(ac_text_pipeline_decode(&self->pipeline, &self->bpe, ids, n, true, out));
    else
        AC_TRY(decode_bytes(self, ids, n, out));
    for (size_t i = 0; clean_up && i < sizeof pairs / sizeof *pairs; i++)
        replace_all(out, first, pairs[i][0], pairs[i][1]);
out:
    return st;
}
