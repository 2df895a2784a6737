#include "io/checkpoint/tokenizer_files.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "io/file/checksum.h"
#include "io/file/file_look.h"
#include "io/file/json_file.h"
#include "io/file/json_value.h"
#include "io/file/path.h"
#include "io/file/text_file.h"
#include "io/checkpoint/sentencepiece.h"
#include "io/checkpoint/tokenizer_json.h"
#include "io/checkpoint/tokenizer_openai.h"

#define SENTENCEPIECE_MODEL "spiece.model"
#define TOKENIZER_JSON "tokenizer.json"

/* The kind that config.json's model_type names; AC_TOKENIZER_ANY: none of them, or no file. */
static ac_status
kind_of_config(int *kind, const char *folder)
{
    static const struct {
        const char *type;
        int kind;
    } types[] = {
        { "clip", AC_TOKENIZER_CLIP },     { "bart", AC_TOKENIZER_BART },
        { "gpt2", AC_TOKENIZER_GPT2 },     { "siglip", AC_TOKENIZER_SIGLIP },
        { "llama", AC_TOKENIZER_LLAMA },   { "mistral", AC_TOKENIZER_LLAMA },
        { "qwen2", AC_TOKENIZER_LLAMA },   { "qwen3", AC_TOKENIZER_LLAMA },
        { "smollm3", AC_TOKENIZER_LLAMA }, { "phi3", AC_TOKENIZER_LLAMA },
    };
    char *path = NULL;
    json_t *config = NULL;
    const char *type;
    ac_status st = AC_OK;

    *kind = AC_TOKENIZER_ANY;
    AC_TRY(ac_path_format(&path, "%s/config.json", folder));
    if (!ac_file_is_there(path))
        goto out;
    AC_TRY(ac_json_file_read(&config, path, 0));
    type = json_string_value(json_object_get(config, "model_type"));
    for (size_t k = 0; type && k < sizeof types / sizeof *types; k++)
        if (strcmp(type, types[k].type) == 0)
            *kind = types[k].kind;
out:
    json_decref(config);
    free(path);
    return st;
}

/* vocab.json and merges.txt of a folder. */
static ac_status
read_hugging_face(const char *from, const char *folder, int *kind, ac_texts *tokens,
                  ac_buffer *vocab, ac_buffer *merges)
{
    ac_status st = AC_OK;
    char *vocab_path = NULL, *merges_path = NULL;
    json_t *root = NULL;
    json_error_t error;

    AC_TRY(ac_path_format(&vocab_path, "%s/vocab.json", from));
    AC_TRY(ac_path_format(&merges_path, "%s/merges.txt", from));
    if (!ac_file_is_there(vocab_path))
        AC_FAIL(
            AC_E_IO,
            "%s: no vocabulary here (looked for tokenizer.json, vocab.json with merges.txt, "
            "and %s)",
            from, AC_OPENAI_VOCABULARY);
    AC_TRY(ac_text_read(vocab_path, vocab));
    AC_TRY(ac_text_read(merges_path, merges));
    root = ac_json_parse(vocab->data ? vocab->data : "", vocab->size, JSON_REJECT_DUPLICATES,
                         &error);
    if (!json_is_object(root))
        AC_FAIL(AC_E_FORMAT, "%s:%d: %s", vocab_path, root ? 1 : error.line,
                root ? "not an object" : error.text);
    AC_TRY(ac_tokenizer_json_order(tokens, root, vocab_path));
    if (*kind == AC_TOKENIZER_ANY)
        AC_TRY(kind_of_config(kind, folder));
    if (*kind == AC_TOKENIZER_LLAMA || *kind == AC_TOKENIZER_SIGLIP)
        AC_FAIL(AC_E_FORMAT,
                "%s: how this kind of model splits a text is not said in vocab.json and "
                "merges.txt: its tokenizer.json is needed",
                from);
    if (*kind == AC_TOKENIZER_ANY)
        *kind = json_object_get(root, "<|startoftext|>") ? AC_TOKENIZER_CLIP
                : json_object_get(root, "<mask>")        ? AC_TOKENIZER_BART
                                                         : AC_TOKENIZER_GPT2;
out:
    json_decref(root);
    free(vocab_path);
    free(merges_path);
    return st;
}

/* A folder's path: the path itself, or of a file the folder it lies in. */
static ac_status
folder_of(char **out, const char *path)
{
    struct stat info;
    const char *slash = strrchr(path, '/');

    if (ac_file_stat(path, &info) != 0 || S_ISDIR(info.st_mode))
        return ac_duplicate(out, path, strlen(path));
    return slash ? ac_duplicate(out, path, slash == path ? 1 : (size_t) (slash - path))
                 : ac_duplicate(out, ".", 1);
}

/* OpenAI's vocabulary: `from` itself where it is a file, else the file of its usual name in
 * that folder. NULL: neither. */
static ac_status
find_openai(char **out, const char *from)
{
    struct stat info;
    char *path = NULL;

    *out = NULL;
    if (ac_file_stat(from, &info) == 0 && !S_ISDIR(info.st_mode))
        return ac_duplicate(out, from, strlen(from));
    for (int packed = 1; packed >= 0; packed--) {
        if (ac_path_format(&path, "%s/%.*s", from,
                           (int) strlen(AC_OPENAI_VOCABULARY) - (packed ? 0 : 3),
                           AC_OPENAI_VOCABULARY) != AC_OK)
            return AC_E_NOMEM;
        if (ac_file_is_there(path)) {
            *out = path;
            return AC_OK;
        }
        free(path);
    }
    return AC_OK;
}

/* Hugging Face's files where they are, else OpenAI's. vocab: bytes that count into the
 * fingerprint. */
static ac_status
read_vocabulary(const char *from, const char *folder, int *kind, ac_texts *tokens,
                ac_buffer *vocab, ac_buffer *merges)
{
    ac_status st = AC_OK;
    char *openai = NULL, *hugging_face = NULL;

    AC_TRY(ac_path_format(&hugging_face, "%s/vocab.json", from));
    if (!ac_file_is_there(hugging_face))
        AC_TRY(find_openai(&openai, from));
    if (!openai) {
        st = read_hugging_face(from, folder, kind, tokens, vocab, merges);
        goto out;
    }
    if (*kind != AC_TOKENIZER_ANY && *kind != AC_TOKENIZER_CLIP)
        AC_FAIL(AC_E_FORMAT, "%s: a vocabulary of CLIP, where one of BART or GPT-2 is needed",
                openai);
    *kind = AC_TOKENIZER_CLIP;
    st = ac_tokenizer_openai_read(openai, tokens, merges);
out:
    free(openai);
    free(hugging_face);
    return st;
}

/* sentencepiece's file: `from` itself where its name ends in .model, else that of the usual
 * name in the folder, where it is SigLIP's vocabulary that is looked for or no other is there.
 * NULL: none. */
static ac_status
find_sentencepiece(char **out, const char *from, int kind)
{
    const size_t n = strlen(from);
    char *vocab = NULL;
    ac_status st = AC_OK;

    *out = NULL;
    if (kind != AC_TOKENIZER_ANY && kind != AC_TOKENIZER_SIGLIP)
        return AC_OK;
    if (n > 6 && strcmp(from + n - 6, ".model") == 0)
        return ac_duplicate(out, from, n);
    AC_TRY(ac_path_format(out, "%s/" SENTENCEPIECE_MODEL, from));
    AC_TRY(ac_path_format(&vocab, "%s/vocab.json", from));
    if (kind == AC_TOKENIZER_ANY && (ac_file_is_there(vocab) || !ac_file_is_there(*out))) {
        free(*out);
        *out = NULL;
    }
out:
    free(vocab);
    return st;
}

static ac_status
open_sentencepiece(ac_tokenizer *self, const char *path, char fingerprint[33])
{
    ac_buffer bytes = { 0 };
    ac_unigram model = { 0 };
    ac_status st = AC_OK;

    if (!ac_file_is_there(path))
        AC_FAIL(AC_E_IO,
                "%s: no vocabulary here (SigLIP's is " SENTENCEPIECE_MODEL " or " TOKENIZER_JSON
                ")",
                path);
    AC_TRY(ac_text_file_read(path, &bytes));
    AC_TRY(ac_sentencepiece_read(&model, bytes.data ? bytes.data : "", bytes.size, path));
    st = ac_tokenizer_init_siglip_take(self, &model);
    if (st != AC_OK)
        ac_error_prefix(st, "%s", path);
    else
        ac_checksum_bytes(bytes.data, bytes.size, fingerprint);
out:
    ac_buffer_free(&bytes);
    return st;
}

/* tokenizer.json: `from` itself where its name ends in .json, else that of the folder. NULL:
 * none. */
static ac_status
find_tokenizer_json(char **out, const char *from)
{
    const size_t n = strlen(from);
    ac_status st;

    *out = NULL;
    if (n > 5 && strcmp(from + n - 5, ".json") == 0)
        return ac_duplicate(out, from, n);
    st = ac_path_format(out, "%s/" TOKENIZER_JSON, from);
    if (st == AC_OK && !ac_file_is_there(*out)) {
        free(*out);
        *out = NULL;
    }
    return st;
}

/* What to do about a tokenizer.json that is refused: its folder may hold the older files too.
 */
static void
add_remedy(ac_status st, const char *from)
{
    char *vocab = NULL, *message = NULL;

    if (st == AC_E_FORMAT && ac_path_format(&vocab, "%s/vocab.json", from) == AC_OK &&
        ac_file_is_there(vocab) &&
        ac_duplicate(&message, ac_error_message(), strlen(ac_error_message())) == AC_OK)
        ac_error_set(st,
                     "%s; vocab.json and merges.txt beside it are used where tokenizer.json is "
                     "moved away",
                     message);
    free(vocab);
    free(message);
}

static ac_status
open_tokenizer_json(ac_tokenizer *self, const char *path, const char *from, const char *folder,
                    int kind, char fingerprint[33])
{
    ac_buffer bytes = { 0 };
    ac_status st = AC_OK;

    if (kind == AC_TOKENIZER_ANY)
        AC_TRY(kind_of_config(&kind, folder));
    AC_TRY(ac_text_read(path, &bytes));
    st = ac_tokenizer_json_read(self, bytes.data ? bytes.data : "", bytes.size, path, kind);
    if (st != AC_OK)
        add_remedy(st, from);
    else
        ac_checksum_bytes(bytes.data, bytes.size, fingerprint);
out:
    ac_buffer_free(&bytes);
    return st;
}

ac_status
ac_tokenizer_open(ac_tokenizer *self, const char *model, const char *vocabulary, int kind,
                  char fingerprint[33])
{
    ac_status st = AC_OK;
    char *folder = NULL, *sentencepiece = NULL, *tokenizer_json = NULL;
    const char *from;
    ac_buffer vocab = { 0 }, merges = { 0 };
    ac_texts tokens = { 0 };

    *self = (ac_tokenizer){ 0 };
    fingerprint[0] = '\0';
    AC_TRY(folder_of(&folder, model));
    from = vocabulary ? vocabulary : folder;
    AC_TRY(find_sentencepiece(&sentencepiece, from, kind));
    AC_TRY(find_tokenizer_json(&tokenizer_json, from));
    if (sentencepiece && !(tokenizer_json && !ac_file_is_there(sentencepiece))) {
        st = open_sentencepiece(self, sentencepiece, fingerprint);
        goto out;
    }
    if (tokenizer_json) {
        st = open_tokenizer_json(self, tokenizer_json, from, folder, kind, fingerprint);
        goto out;
    }
    AC_TRY(read_vocabulary(from, folder, &kind, &tokens, &vocab, &merges));
    st = ac_tokenizer_init(self, (ac_tokenizer_kind) kind, &tokens,
                           merges.data ? merges.data : "", merges.size);
    if (st != AC_OK) {
        ac_error_prefix(st, "%s", from);
        goto out;
    }
    ac_buffer_push(&vocab, "", 1);
    AC_TRY(ac_buffer_push(&vocab, merges.data, merges.size));
    ac_checksum_bytes(vocab.data, vocab.size, fingerprint);
out:
    if (st != AC_OK)
        ac_tokenizer_free(self);
    ac_texts_free(&tokens);
    ac_buffer_free(&vocab);
    ac_buffer_free(&merges);
    free(folder);
    free(sentencepiece);
    free(tokenizer_json);
    return st;
}
