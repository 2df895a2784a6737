#include "io/checkpoint/gguf_tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

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
read_tokens(const ac_gguf *file, int64_t vocab_size, ac_texts *out)
{
    const ac_gguf_pair *tokens;
    size_t at = 0;
    ac_status st = AC_OK;

    AC_TRY(need_texts(file, "tokenizer.ggml.tokens", &tokens));
    if (tokens->count != (uint64_t) vocab_size)
        AC_FAIL(
            AC_E_FORMAT,
            "%s: tokenizer.ggml.tokens has %llu tokens, but the model's token embedding %lld",
            file->path, (unsigned long long) tokens->count, (long long) vocab_size);
    for (uint64_t i = 0; i < tokens->count; i++) {
        size_t size;
        const char *text = ac_gguf_next_string(tokens, &at, &size);
        AC_TRY(ac_texts_push(out, text, size));
    }
out:
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

ac_status
ac_gguf_tokenizer_open(ac_byte_tokenizer *self, const ac_gguf *file, int64_t vocab_size,
                       int32_t *bos)
{
    ac_texts tokens = { 0 };
    ac_buffer merges = { 0 };
    unsigned char *kinds = NULL;
    char *split = NULL;
    ac_status st = AC_OK;

    *self = (ac_byte_tokenizer){ 0 };
    AC_TRY(check_kind(file));
    AC_TRY(ac_gguf_text(file, "tokenizer.ggml.pre", &split));
    if (!split)
        AC_FAIL(AC_E_FORMAT,
                "%s: has no key \"tokenizer.ggml.pre\", which says how words are split",
                file->path);
    AC_TRY(read_tokens(file, vocab_size, &tokens));
    AC_TRY(ac_alloc(&kinds, tokens.count, sizeof *kinds));
    AC_TRY(read_kinds(file, tokens.count, kinds));
    AC_TRY(read_merges(file, &merges));
    AC_TRY(read_bos(file, split, vocab_size, bos));
    st = ac_byte_tokenizer_init(self, &tokens, kinds, merges.data, merges.size, split);
    if (st != AC_OK)
        st = ac_error_prefix(st, "%s: the tokenizer", file->path);
out:
    ac_texts_free(&tokens);
    ac_buffer_free(&merges);
    free(kinds);
    free(split);
    return st;
}
