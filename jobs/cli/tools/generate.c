/* generate: BART on tables or token ids; causal models on prompts (generate_causal.c). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "io/config/config.h"
#include "io/file/json_write.h"
#include "io/file/path.h"
#include "jobs/models/bart_model.h"
#include "jobs/models/prompt.h"
#include "jobs/cli/tools/causal.h"
#include "jobs/cli/tools/tools.h"

enum { RECORDS = 64 };

static const ac_option options[] = {
    { "model", 0, "DIR",
      "Hugging Face folder of BART or of a causal language model; or its .gguf file" },
    { "layer-norms", 0, "F", "trained layer norms that replace the model's" },
    { "seed", 0, "S", "seed of all random numbers (default: 0)" },
    { "max-tokens", 0, "N",
      "truncate the encoder's input to N tokens (default: 128); none: the model's limit" },
    { "num-beams", 0, "B",
      "generation: transformers' names; left out: as the model's own files say" },
    { "num-return-sequences", 0, "N", "candidates per record" },
    { "do-sample", 0, "BOOL", "sample tokens instead of choosing the most likely ones" },
    { "temperature", 0, "T", "with --do-sample true" },
    { "top-k", 0, "K", "with --do-sample true; none: off" },
    { "top-p", 0, "P", "with --do-sample true; none: off" },
    { "min-p", 0, "P", "with --do-sample true; none: off" },
    { "typical-p", 0, "P", "with --do-sample true; none: off" },
    { "top-h", 0, "H", "with --do-sample true; none: off" },
    { "epsilon-cutoff", 0, "X", "with --do-sample true; none: off" },
    { "eta-cutoff", 0, "X", "with --do-sample true; none: off" },
    { "max-length", 0, "N", "most tokens, the start token counted" },
    { "max-new-tokens", 0, "N",
      "most tokens, the start token not counted; overrides --max-length" },
    { "min-length", 0, "N", "fewest tokens, the start token counted" },
    { "min-new-tokens", 0, "N",
      "fewest tokens, the start token not counted; overrides --min-length" },
    { "length-penalty", 0, "X", "a hypothesis scores sum / length^penalty" },
    { "repetition-penalty", 0, "X",
      "above 1: tokens that were generated already are less likely; none: off" },
    { "encoder-repetition-penalty", 0, "X",
      "above 1: tokens of the input are likelier; none: off" },
    { "no-repeat-ngram-size", 0, "N", "no n-gram of this size twice; none: off" },
    { "encoder-no-repeat-ngram-size", 0, "N",
      "no n-gram of this size that the input has; none: off" },
    { "bad-words-ids", 0, "LISTS", "never generated: '[[5, 6], [7]]'; none: off" },
    { "suppress-tokens", 0, "LIST", "never generated: '[5, 6]'; none: off" },
    { "begin-suppress-tokens", 0, "LIST", "never generated first: '[5, 6]'; none: off" },
    { "sequence-bias", 0, "LISTS", "added to scores: '[[[5, 6], -1.5]]'; none: off" },
    { "exponential-decay-length-penalty", 0, "PAIR",
      "'[start, factor]': the end is likelier with each token; none: off" },
    { "renormalize-logits", 0, "BOOL", "scores are probabilities after all changes" },
    { "remove-invalid-values", 0, "BOOL", "replace scores that are not finite" },
    { "early-stopping", 0, "E", "false, true, never" },
    { "forced-bos-token-id", 0, "ID", "none: free" },
    { "forced-eos-token-id", 0, "ID", "none: free" },
    { "decoder-start-token-id", 0, "ID", "start token" },
    { "eos-token-id", 0, "ID", "or a list of them; none: only the length ends a text" },
    { "stop-strings", 0, "TEXTS",
      "of causal models: a text that ends a candidate, or a list: '[\"The End\", \"###\"]'; it "
      "is "
      "cut from the text; none: off" },
    { "beam-search", 0, "V", "hf5 or hf4.9" },
    { "clean-up-tokenization-spaces", 0, "BOOL", "as in 2021" },
    AC_TOOL_COMPUTE_OPTIONS,
    { NULL, 0, NULL, NULL },
};

/* The options are the config's generation keys with dashes: one table of types and ranges
 * serves both. */
static ac_status
read_generation(const ac_arguments *a, ac_config *config)
{
    ac_status st = ac_config_init(config);

    for (int i = 0; i < a->set_count && st == AC_OK; i++) {
        const char *option = a->set[i].option->name;
        char name[80], *assignment = NULL;

        snprintf(name, sizeof name, "%s%s",
                 strcmp(option, "seed") == 0         ? ""
                 : strcmp(option, "max-tokens") == 0 ? "retrieval."
                                                     : "generation.",
                 option);
        for (char *p = name; *p; p++)
            *p = *p == '-' ? '_' : *p;
        if (!ac_config_has("caption", name))
            continue; /* an option of the tool's own */
        st = ac_path_format(&assignment, "%s=%s", name, a->set[i].value);
        if (st == AC_OK)
            st = ac_config_set(config, assignment);
        free(assignment);
    }
    return st;
}

/* Records generated together: their ids, and where each answer goes. */
typedef struct batch {
    ac_encoding encoding;
    int32_t *ids, *one;
    int64_t ids_capacity, one_capacity, offsets[RECORDS + 1];
    uint64_t streams[RECORDS];
    int64_t count;
} batch;

static ac_status
flush(ac_bart_model *bart, const ac_config *config, batch *b, ac_generated *generated)
{
    ac_buffer out = { 0 }, text = { 0 };
    ac_status st = AC_OK;

    if (b->count == 0)
        return AC_OK;
    AC_TRY(ac_bart_model_generate(bart, b->ids, b->offsets, b->streams, b->count, generated));
    for (int64_t i = 0; i < b->count; i++) {
        ac_buffer_push_text(&out, "{\"candidates\": [");
        for (int64_t k = 0; k < generated->each; k++) {
            const ac_candidate c = ac_generated_at(generated, i, k);
            ac_buffer_printf(&out, "%s{", k ? ", " : "");
            if (bart->has_tokenizer) {
                AC_TRY(ac_prompt_decode(&text, &bart->tokenizer, c.ids, c.count,
                                        config->generation.clean_up_tokenization_spaces));
                ac_buffer_push_text(&out, "\"text\": ");
                ac_json_string(&out, text.data, text.size);
                ac_buffer_push_text(&out, ", ");
            }
            ac_buffer_push_text(&out, "\"ids\": ");
            ac_json_push_ids(&out, c.ids, c.count);
            ac_buffer_push_text(&out, ", \"score\": ");
            ac_json_float(&out, (float) c.score);
            ac_buffer_push_char(&out, '}');
        }
        ac_buffer_push_text(&out, "]}");
        AC_TRY(out.status);
        ac_json_put(&out);
    }
    b->count = 0;
out:
    ac_buffer_free(&out);
    ac_buffer_free(&text);
    return st;
}

/* One record's encoder input into the batch. false: `message` says why not. */
static bool
push_record(ac_bart_model *bart, const json_t *record, int64_t limit, int64_t number, batch *b,
            const char **message)
{
    const json_t *text = json_object_get(record, "text"),
                 *list = json_object_get(record, "ids"), *key = json_object_get(record, "key");
    const int32_t *ids;
    char name[32];
    int64_t n;

    if (json_is_string(text) && bart->has_tokenizer) {
        *message = ac_error_message();
        if (ac_tokenizer_encode(&bart->tokenizer, json_string_value(text),
                                json_string_length(text), limit, true, &b->encoding) != AC_OK)
            return false;
        ids = b->encoding.ids;
        n = b->encoding.count;
    } else if (list) {
        if (!ac_json_ids(list, bart->net.config.vocab_size, &b->one, &b->one_capacity, &n,
                         message))
            return false;
        *message = "\"ids\" is empty or longer than the model takes";
        if (n < 1 || n > bart->net.config.max_position_embeddings)
            return false;
        ids = b->one;
    } else {
        *message =
            ac_json_no_text(record, "the model's folder has no tokenizer files: give \"ids\"");
        return false;
    }
    *message = "out of memory";
    if (ac_grow(&b->ids, &b->ids_capacity, b->offsets[b->count] + n, sizeof *b->ids) != AC_OK)
        return false;
    memcpy(b->ids + b->offsets[b->count], ids, (size_t) n * sizeof *ids);
    b->offsets[b->count + 1] = b->offsets[b->count] + n;
    snprintf(name, sizeof name, "%lld", (long long) number);
    b->streams[b->count++] =
        json_is_string(key) ? ac_random_stream(json_string_value(key), json_string_length(key))
                            : ac_random_stream(name, strlen(name));
    return true;
}

static ac_status
generate_all(ac_bart_model *bart, const ac_config *config)
{
    const int64_t limit =
        ac_config_max_tokens(config, bart->net.config.max_position_embeddings);
    ac_json_lines lines = { 0 };
    ac_generated generated = { 0 };
    batch b = { 0 };
    ac_status st = AC_OK, end;

    while (st == AC_OK && ac_json_lines_next(&lines)) {
        const char *message = NULL;
        if (!push_record(bart, lines.record, limit, lines.number, &b, &message)) {
            char copy[1024];
            snprintf(copy, sizeof copy, "%s", message);
            st = flush(bart, config, &b, &generated); /* answers stay in order */
            if (st == AC_OK)
                ac_json_lines_refuse(&lines, copy);
        } else if (b.count == RECORDS) {
            st = flush(bart, config, &b, &generated);
        }
    }
    if (st == AC_OK)
        st = flush(bart, config, &b, &generated);
    end = ac_json_lines_end(&lines);
    ac_generated_free(&generated);
    ac_encoding_free(&b.encoding);
    free(b.ids);
    free(b.one);
    return st == AC_OK ? end : st;
}

ac_status
ac_tool_generate(int argc, char **argv)
{
    ac_arguments a = { 0 };
    ac_bart_model bart = { 0 };
    ac_bart_options o = { 0 };
    ac_config config = { 0 };
    ac_decoder decoder;
    ac_status st = AC_OK;

    AC_TRY(ac_arguments_parse(&a, options, argc, argv));
    if (a.help) {
        ac_options_help(stdout, "generate --model DIR [options] < lines.jsonl",
                        "{\"text\": \"red car | zebra | \"} or {\"ids\": […]}, and \"key\" for "
                        "the random numbers, on each line. For a causal language model they "
                        "are the prompt, and the answer holds what follows it.",
                        options);
        goto out;
    }
    AC_TRY(ac_arguments_need(&a, "model", &o.model));
    AC_TRY(read_generation(&a, &config));
    AC_TRY(ac_tool_compute(&a, &o.compute));
    o.layer_norms = ac_arguments_get(&a, "layer-norms");
    if (ac_causal_model_is(o.model)) {
        const ac_causal_options causal = { .model = o.model, .compute = o.compute };
        if (o.layer_norms)
            AC_FAIL(AC_E_ARG, "--layer-norms: trained layer norms are BART's");
        st = ac_tool_generate_causal(&causal, &config);
        goto out;
    }
    AC_TRY(ac_bart_model_open(&bart, &o));
    AC_TRY(ac_generation_config_load(&bart.generation, o.model));
    AC_TRY(ac_config_generation(&config, &bart.generation));
    decoder = ac_bart_as_decoder(&bart.net);
    AC_TRY(ac_generation_config_check(&bart.generation, &decoder));
    st = generate_all(&bart, &config);
out:
    ac_bart_model_free(&bart);
    ac_config_free(&config);
    ac_arguments_free(&a);
    return st;
}
