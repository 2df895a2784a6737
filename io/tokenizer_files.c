#include "io/tokenizer_files.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "engine/base/memory.h"
#include "io/text_file.h"

static int
kind_of_folder(const char *folder, const json_t *vocabulary)
{
    static const char *const types[] = { "clip", "bart", "gpt2" };
    char *path = NULL;
    int kind = AC_TOKENIZER_ANY;

    if (asprintf(&path, "%s/config.json", folder) >= 0) {
        json_t *config = json_load_file(path, 0, NULL);
        const char *type = json_string_value(json_object_get(config, "model_type"));
        for (int k = 0; type && k < 3; k++)
            if (strcmp(type, types[k]) == 0)
                kind = k;
        json_decref(config);
        free(path);
    }
    if (kind != AC_TOKENIZER_ANY)
        return kind;
    return json_object_get(vocabulary, "<|startoftext|>") ? AC_TOKENIZER_CLIP
           : json_object_get(vocabulary, "<mask>")        ? AC_TOKENIZER_BART
                                                          : AC_TOKENIZER_GPT2;
}

/* vocab.json's text -> id as texts by id. */
static ac_status
order_tokens(ac_texts *out, json_t *vocabulary, const char *path)
{
    ac_status st = AC_OK;
    const char **by_id = NULL;
    int64_t size = 0;

    for (void *i = json_object_iter(vocabulary); i; i = json_object_iter_next(vocabulary, i)) {
        const json_t *id = json_object_iter_value(i);
        if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) > 10000000)
            return ac_error_set(AC_E_FORMAT, "%s: \"%s\" has no id that makes sense", path, json_object_iter_key(i));
        size = json_integer_value(id) >= size ? json_integer_value(id) + 1 : size;
    }
    AC_TRY(ac_alloc(&by_id, size, sizeof *by_id));
    for (void *i = json_object_iter(vocabulary); i; i = json_object_iter_next(vocabulary, i)) {
        const char **place = &by_id[json_integer_value(json_object_iter_value(i))];
        if (*place)
            AC_TRY(ac_error_set(AC_E_FORMAT, "%s: \"%s\" and \"%s\" have the same id", path, *place, json_object_iter_key(i)));
        *place = json_object_iter_key(i);
    }
    for (int64_t i = 0; i < size; i++)
        AC_TRY(ac_texts_push(out, by_id[i] ? by_id[i] : "", by_id[i] ? strlen(by_id[i]) : 0));
out:
    free(by_id);
    return st;
}

ac_status
ac_tokenizer_open(ac_tokenizer *self, const char *folder, const char *vocabulary, int kind, char fingerprint[33])
{
    ac_status st = AC_OK;
    const char *from = vocabulary ? vocabulary : folder;
    char *vocab_path = NULL, *merges_path = NULL;
    ac_buffer vocab = { 0 }, merges = { 0 };
    ac_texts tokens = { 0 };
    json_t *root = NULL;
    json_error_t error;
    XXH128_hash_t digest;

    *self = (ac_tokenizer) { 0 };
    fingerprint[0] = '\0';
    if (asprintf(&vocab_path, "%s/vocab.json", from) < 0 || asprintf(&merges_path, "%s/merges.txt", from) < 0)
        AC_TRY(ac_error_set(AC_E_NOMEM, "out of memory for a path"));
    AC_TRY(ac_text_file_read(vocab_path, &vocab));
    AC_TRY(ac_text_file_read(merges_path, &merges));
    root = json_loadb(vocab.data ? vocab.data : "", vocab.size, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(root))
        AC_TRY(ac_error_set(AC_E_FORMAT, "%s:%d: %s", vocab_path, root ? 1 : error.line, root ? "not an object" : error.text));
    AC_TRY(order_tokens(&tokens, root, vocab_path));
    if (kind == AC_TOKENIZER_ANY)
        kind = kind_of_folder(folder, root);
    st = ac_tokenizer_init(self, (ac_tokenizer_kind) kind, &tokens, merges.data ? merges.data : "", merges.size);
    if (st != AC_OK) {
        ac_error_prefix(st, "%s", from);
        goto out;
    }
    ac_buffer_push(&vocab, "", 1);
    AC_TRY(ac_buffer_push(&vocab, merges.data, merges.size));
    digest = XXH3_128bits(vocab.data, vocab.size);
    snprintf(fingerprint, 33, "%016llx%016llx", (unsigned long long) digest.high64, (unsigned long long) digest.low64);
out:
    json_decref(root);
    ac_texts_free(&tokens);
    ac_buffer_free(&vocab);
    ac_buffer_free(&merges);
    free(vocab_path);
    free(merges_path);
    return st;
}
