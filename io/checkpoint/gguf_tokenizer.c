#include "io/checkpoint/gguf_tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

/* What kinds of token there are, as GGUF counts them. */
enum { CONTROL = 3, USER_DEFINED = 4, UNUSED = 5 };

#define TODAYS_WORDS(digits)                                             \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" digits \
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

/* The ways to split words, by the names that files have for them. */
static const struct split {
    const char *name, *regex;
    bool digits;      /* each numeric character is a part of its own first */
    bool whole_words; /* a word that is a token is that token, whatever the merges say */
} splits[] = {
    { "gpt-2", AC_PATTERN_GPT2, false, false },
    { "smollm", AC_PATTERN_GPT2, true, false },
    { "llama-bpe", TODAYS_WORDS("\\p{N}{1,3}"), false, true },
    { "llama3", TODAYS_WORDS("\\p{N}{1,3}"), false, true }, /* names of before */
    { "llama-v3", TODAYS_WORDS("\\p{N}{1,3}"), false, true },
    { "qwen2", TODAYS_WORDS("\\p{N}"), false, false },
};

/* An array of strings; *out NULL where the key is missing and need not be there. */
static ac_status
need_texts(const ac_gguf *file, const char *key, const ac_gguf_pair **out)
{
    *out = ac_gguf_find(file, key);
    if (!*out)
        return ac_error_set(AC_E_FORMAT, "%s: has no key \"%s\"", file->path, key);
    if ((*out)->type != AC_GGUF_ARRAY || (*out)->element != AC_GGUF_STRING)
        return ac_error_set(AC_E_FORMAT, "%s: the value of \"%s\" is not a list of texts",
                            file->path, key);
    return AC_OK;
}

static ac_status
check_kind(const ac_gguf *file)
{
    char *kind = NULL;
    ac_status st = ac_gguf_text(file, "tokenizer.ggml.model", &kind);

    if (st == AC_OK && !kind)
        st = ac_error_set(AC_E_FORMAT,
                          "%s: has no key \"tokenizer.ggml.model\": there is no tokenizer in "
                          "this file",
                          file->path);
    else if (st == AC_OK && strcmp(kind, "gpt2") != 0)
        st = ac_error_set(AC_E_FORMAT,
                          "%s: tokenizer.ggml.model is \"%s\"; this program reads gpt2, "
                          "byte-level byte-pair encoding",
                          file->path, kind);
    free(kind);
    return st;
}

static ac_status
find_tokens(const ac_gguf *file, int64_t vocab_size, const ac_gguf_pair **out)
{
    const ac_status st = need_texts(file, "tokenizer.ggml.tokens", out);

    if (st == AC_OK && (*out)->count != (uint64_t) vocab_size)
        return ac_error_set(
            AC_E_FORMAT,
            "%s: tokenizer.ggml.tokens has %llu tokens, but the model's token embedding %lld",
            file->path, (unsigned long long) (*out)->count, (long long) vocab_size);
    return st;
}

/* Unused ones, which fill an embedding with more rows than there are tokens, are no tokens. */
static ac_status
read_tokens(const ac_gguf_pair *tokens, const unsigned char *kinds, ac_texts *out)
{
    size_t at = 0;
    ac_status st = AC_OK;

    for (uint64_t i = 0; st == AC_OK && i < tokens->count; i++) {
        size_t size;
        const char *text = ac_gguf_next_string(tokens, &at, &size);
        st = ac_texts_push(out, text, kinds[i] == UNUSED ? 0 : size);
    }
    return st;
}

/* kinds [count]; all 0 where the file says none. */
static ac_status
read_kinds(const ac_gguf *file, int64_t count, unsigned char *kinds)
{
    static const char key[] = "tokenizer.ggml.token_type";
    const ac_gguf_pair *p = ac_gguf_find(file, key);

    if (!p)
        return AC_OK;
    if (p->type != AC_GGUF_ARRAY || p->count != (uint64_t) count)
        return ac_error_set(AC_E_FORMAT, "%s: %s does not have a number for each token",
                            file->path, key);
    for (int64_t i = 0; i < count; i++) {
        double kind;
        if (!ac_gguf_number(p, (uint64_t) i, &kind))
            return ac_error_set(AC_E_FORMAT, "%s: %s does not have a number for each token",
                                file->path, key);
        kinds[i] = kind >= 0 && kind < 100 ? (unsigned char) kind : 0;
    }
    return AC_OK;
}

/* As the lines of a merges.txt. */
static ac_status
read_merges(const ac_gguf *file, ac_buffer *out)
{
    const ac_gguf_pair *merges;
    size_t at = 0;
    ac_status st = AC_OK;

    AC_TRY(need_texts(file, "tokenizer.ggml.merges", &merges));
    ac_buffer_push_text(out, "#version\n");
    for (uint64_t i = 0; i < merges->count; i++) {
        size_t size;
        const char *text = ac_gguf_next_string(merges, &at, &size);
        if (size == 0 || memchr(text, '\n', size))
            AC_FAIL(AC_E_FORMAT, "%s: tokenizer.ggml.merges: %llu is no merge", file->path,
                    (unsigned long long) i);
        ac_buffer_push(out, text, size);
        ac_buffer_push_char(out, '\n');
    }
    st = out->status;
out:
    return st;
}

static ac_status
read_bos(const ac_gguf *file, const char *split, int64_t vocab_size, int32_t *out)
{
    bool adds;
    int64_t id;
    ac_status st = AC_OK;

    *out = -1;
    AC_TRY(ac_gguf_truth(file, "tokenizer.ggml.add_bos_token", strncmp(split, "llama", 5) == 0,
                         &adds));
    if (!adds)
        return AC_OK;
    AC_TRY(ac_gguf_whole(file, "tokenizer.ggml.bos_token_id", -1, 0, vocab_size - 1, &id));
    *out = (int32_t) id;
out:
    return st;
}

/* ---- the steps ---- */

static ac_status
set_split(ac_text_pipeline *out, const char *name)
{
    ac_text_step digits = { .kind = AC_STEP_DIGITS, .behavior = AC_SPLIT_ISOLATED };
    const struct split *split = NULL;
    ac_status st = AC_OK;

    for (size_t i = 0; i < sizeof splits / sizeof *splits && !split; i++)
        if (strcmp(name, splits[i].name) == 0)
            split = &splits[i];
    if (!split)
        return ac_error_set(AC_E_FORMAT,
                            "words are split the way \"%s\", which this program does not know "
                            "(it knows gpt-2, smollm, llama-bpe, qwen2)",
                            name);
    out->rules.whole_words = split->whole_words;
    if (split->digits)
        AC_TRY(ac_text_steps_push_take(&out->pre_tokenizers, &digits));
    AC_TRY(ac_text_pipeline_push_byte_level(&out->pre_tokenizers, split->regex));
    st = ac_text_pipeline_push_byte_level(&out->decoders, NULL);
out:
    return st;
}

static ac_status
add_tokens(ac_text_pipeline *out, const ac_texts *tokens, const unsigned char *kinds)
{
    for (int64_t id = 0; id < tokens->count; id++) {
        const ac_added_token token = { .id = (int32_t) id, .special = kinds[id] == CONTROL };
        ac_status st;
        if ((kinds[id] != CONTROL && kinds[id] != USER_DEFINED) ||
            ac_texts_size(tokens, id) == 0)
            continue;
        st = ac_added_tokens_push(&out->added, ac_texts_at(tokens, id),
                                  ac_texts_size(tokens, id), &token);
        if (st != AC_OK)
            return st;
    }
    return AC_OK;
}

static ac_status
check_twice(const ac_bpe *bpe)
{
    const ac_texts *t = &bpe->tokens;

    for (int64_t id = 0; id < t->count; id++)
        if (ac_texts_size(t, id) > 0 &&
            ac_bpe_find(bpe, ac_texts_at(t, id), ac_texts_size(t, id)) != id)
            return ac_error_set(AC_E_FORMAT, "token %lld is there twice", (long long) id);
    return AC_OK;
}

static ac_status
make(ac_tokenizer *self, const ac_texts *tokens, const unsigned char *kinds,
     const ac_buffer *merges, const char *split)
{
    ac_text_pipeline pipeline = { .rules.unknown = -1 };
    ac_bpe bpe = { 0 };
    ac_status st = AC_OK;

    AC_TRY(set_split(&pipeline, split));
    AC_TRY(ac_bpe_init(&bpe, tokens, merges->data, merges->size, false));
    AC_TRY(check_twice(&bpe));
    AC_TRY(add_tokens(&pipeline, tokens, kinds));
    st = ac_tokenizer_init_pipeline_take(self, AC_TOKENIZER_LLAMA, &bpe, &pipeline);
out:
    ac_bpe_free(&bpe);
    ac_text_pipeline_free(&pipeline);
    return st;
}

ac_status
ac_gguf_tokenizer_open(ac_tokenizer *self, const ac_gguf *file, int64_t vocab_size,
                       int32_t *bos)
{
    const ac_gguf_pair *list;
    ac_texts tokens = { 0 };
    ac_buffer merges = { 0 };
    unsigned char *kinds = NULL;
    char *split = NULL;
    ac_status st = AC_OK;

    *self = (ac_tokenizer){ 0 };
    AC_TRY(check_kind(file));
    AC_TRY(ac_gguf_text(file, "tokenizer.ggml.pre", &split));
    if (!split)
        AC_FAIL(AC_E_FORMAT,
                "%s: has no key \"tokenizer.ggml.pre\", which says how words are split",
                file->path);
    AC_TRY(find_tokens(file, vocab_size, &list));
    AC_TRY(ac_alloc(&kinds, vocab_size, sizeof *kinds));
    AC_TRY(read_kinds(file, vocab_size, kinds));
    AC_TRY(read_tokens(list, kinds, &tokens));
    AC_TRY(read_merges(file, &merges));
    AC_TRY(read_bos(file, split, vocab_size, bos));
    st = make(self, &tokens, kinds, &merges, split);
    if (st != AC_OK)
        st = ac_error_prefix(st, "%s: the tokenizer", file->path);
out:
    ac_texts_free(&tokens);
    ac_buffer_free(&merges);
    free(kinds);
    free(split);
    return st;
}
