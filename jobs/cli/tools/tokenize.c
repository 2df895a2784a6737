/* tokenize: texts <-> token ids. */
#include <stdlib.h>
#include <string.h>

#include "io/file/json_write.h"
#include "io/checkpoint/model_config.h"
#include "io/checkpoint/tokenizer_files.h"
#include "io/checkpoint/tokenizer_openai.h"
#include "jobs/cli/tools/tools.h"

enum { CLIP_CONTEXT = 77, BART_TOKENS = 128, ANY_ID = 0x7fffffff };

static const ac_option options[] = {
    { "model", 0, "DIR",
      "folder with tokenizer.json, or with vocab.json and merges.txt (and config.json)" },
    { "vocabulary", 0, "DIR|F",
      "read the tokenizer's files from here: a folder, a tokenizer.json, or "
      "OpenAI's " AC_OPENAI_VOCABULARY },
    { "kind", 0, "K",
      "clip, bart, gpt2, llama (SmolLM2, Qwen too) or siglip (default: from config.json, else "
      "from the vocabulary)" },
    { "max-length", 0, "N",
      "truncated to N ids (default: CLIP's context, BART's 128, others not at all); 0: not "
      "truncated" },
    { "no-special", 0, NULL, "no start and end tokens" },
    { "decode", 0, NULL, "ids to text" },
    { "clean-up-tokenization-spaces", 0, NULL,
      "with --decode: no space before punctuation, as in 2021" },
    { NULL, 0, NULL, NULL },
};

static ac_status
read_kind(const ac_arguments *a, int *kind)
{
    static const char *const names[] = { "clip", "bart", "gpt2", "siglip", "llama" };
    const char *name = ac_arguments_get(a, "kind");

    *kind = AC_TOKENIZER_ANY;
    for (int k = 0; name && k < 5; k++)
        if (strcmp(name, names[k]) == 0)
            *kind = k;
    if (name && *kind == AC_TOKENIZER_ANY)
        return ac_error_set(AC_E_ARG,
                            "--kind: \"%s\" is none of clip, bart, gpt2, llama, siglip", name);
    return AC_OK;
}

/* Where --max-length is not given. */
static int64_t
default_length(const ac_tokenizer *t, const char *model)
{
    ac_clip_config config;

    if (t->kind == AC_TOKENIZER_GPT2 || t->kind == AC_TOKENIZER_LLAMA)
        return 0;
    if (t->kind == AC_TOKENIZER_BART)
        return BART_TOKENS;
    return ac_clip_config_load(&config, model, NULL) == AC_OK ? config.max_position_embeddings
                                                              : CLIP_CONTEXT;
}

static void
encode_all(const ac_tokenizer *t, int64_t max_length, bool specials, ac_json_lines *lines)
{
    ac_encoding e = { 0 };
    ac_buffer out = { 0 };

    while (ac_json_lines_next(lines)) {
        const json_t *text = json_object_get(lines->record, "text");
        if (!json_is_string(text)) {
            ac_json_lines_refuse(lines, text ? "\"text\" must be a string" : "has no \"text\"");
        } else if (ac_tokenizer_encode(t, json_string_value(text), json_string_length(text),
                                       max_length, specials, &e) != AC_OK) {
            ac_json_lines_refuse(lines, ac_error_message());
        } else {
            ac_buffer_push_text(&out, "{\"ids\": ");
            ac_json_push_ids(&out, e.ids, e.count);
            ac_buffer_printf(&out, ", \"length\": %lld}", (long long) e.length);
            ac_json_put(&out);
        }
    }
    ac_encoding_free(&e);
    ac_buffer_free(&out);
}

static void
decode_all(const ac_tokenizer *t, bool clean_up, ac_json_lines *lines)
{
    ac_buffer text = { 0 }, out = { 0 };
    int32_t *ids = NULL;
    int64_t capacity = 0, n;
    const char *message;

    while (ac_json_lines_next(lines)) {
        ac_buffer_reset(&text);
        if (!ac_json_ids(json_object_get(lines->record, "ids"), ANY_ID, &ids, &capacity, &n,
                         &message)) {
            ac_json_lines_refuse(lines, message);
        } else if (ac_tokenizer_decode(t, ids, n, clean_up, &text) != AC_OK) {
            ac_json_lines_refuse(lines, ac_error_message());
        } else {
            ac_buffer_push_text(&out, "{\"text\": ");
            ac_json_string(&out, text.data ? text.data : "", text.size);
            ac_buffer_push_char(&out, '}');
            ac_json_put(&out);
        }
    }
    free(ids);
    ac_buffer_free(&text);
    ac_buffer_free(&out);
}

ac_status
ac_tool_tokenize(int argc, char **argv)
{
    ac_arguments a = { 0 };
    ac_tokenizer t = { 0 };
    ac_json_lines lines = { 0 };
    const char *model;
    char fingerprint[33];
    int64_t length = -1;
    int kind;
    ac_status st = AC_OK;

    AC_TRY(ac_arguments_parse(&a, options, argc, argv));
    if (a.help) {
        ac_options_help(stdout, "tokenize --model DIR [options] < lines.jsonl",
                        "{\"text\": …} or, with --decode, {\"ids\": […]} on each line.",
                        options);
        goto out;
    }
    AC_TRY(ac_arguments_need(&a, "model", &model));
    AC_TRY(read_kind(&a, &kind));
    AC_TRY(ac_arguments_int(&a, "max-length", &length, 0, 1000000));
    AC_TRY(ac_tokenizer_open(&t, model, ac_arguments_get(&a, "vocabulary"), kind, fingerprint));
    if (ac_arguments_has(&a, "decode"))
        decode_all(&t, ac_arguments_has(&a, "clean-up-tokenization-spaces"), &lines);
    else
        encode_all(&t, length >= 0 ? length : default_length(&t, model),
                   !ac_arguments_has(&a, "no-special"), &lines);
    st = ac_json_lines_end(&lines);
out:
    ac_tokenizer_free(&t);
    ac_arguments_free(&a);
    return st;
}
