/* How a model's folder says to generate: generation_config.json, and config.json where there is
 * none, as transformers since 4.26. Every key that transformers 5 obeys is obeyed or refused by
 * its name. Golden: tests/golden, topic bart_variants. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "engine/generation/generation_keys.h"
#include "io/checkpoint/json_reader.h"
#include "io/checkpoint/model_config.h"
#include "io/file/file_look.h"
#include "io/file/path.h"
#include "io/file/publish.h"

/* What would change the tokens, and this program does not do. Nothing is asked for by null,
 * false, an empty list, or `neutral`. */
static const struct {
    const char *key;
    double neutral;
    const char *what;
} refused[] = {
    { "num_beam_groups", 1, "beam search in groups" },
    { "force_words_ids", 0, "constrained beam search" },
    { "constraints", 0, "constrained beam search" },
    { "dola_layers", 0, "DoLa decoding" },
    { "guidance_scale", 1, "classifier-free guidance" },
    { "watermarking_config", 0, "watermarks" },
    { "max_time", 0, "a limit of time, which would make results depend on the machine" },
    { "token_healing", 0, "token healing" },
    { "prompt_lookup_num_tokens", 0, "speculative decoding" },
    { "use_mtp", 0, "speculative decoding" },
    { "speculation_type", 0, "speculative decoding" },
};

/* What changes no token here; the rest of what transformers knows is in refused and in
 * engine/generation/generation_keys.c. diversity_penalty acts with num_beam_groups alone. */
static const char *const without_effect[] = {
    "bos_token_id",
    "pad_token_id",
    "use_cache",
    "max_cache_len",
    "return_dict_in_generate",
    "compile_config",
    "disable_compile",
    "transformers_version",
    "_from_model_config",
    "_commit_hash",
    "low_memory",
    "diversity_penalty",
    "continuous_batching_config",
    "prefill_chunk_size",
    "max_matching_ngram_size",
    "target_lookbehind",
    "force_bos_token_to_be_generated",
};

static bool
asks_for_nothing(const json_t *value, double neutral)
{
    return json_is_false(value) || (json_is_array(value) && json_array_size(value) == 0) ||
           (json_is_number(value) && json_number_value(value) == neutral);
}

static ac_status
refuse_what_is_not_done(const char *path, const char *key, const json_t *value)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (strcmp(key, refused[i].key) == 0 && !asks_for_nothing(value, refused[i].neutral))
            return ac_error_set(
                AC_E_FORMAT,
                "%s: %s asks for what this program does not support (%s): set it to "
                "null in that file",
                path, key, refused[i].what);
    return AC_OK;
}

static bool
is_known(const char *key)
{
    for (size_t i = 0; i < sizeof without_effect / sizeof *without_effect; i++)
        if (strcmp(key, without_effect[i]) == 0)
            return true;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (strcmp(key, refused[i].key) == 0)
            return true;
    return strncmp(key, "cache_", 6) == 0 || strncmp(key, "output_", 7) == 0 ||
           strstr(key, "assistant");
}

static ac_status
set_key(const char *path, const ac_generation_key *key, const json_t *value,
        ac_generation_config *c)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    ac_status st = text ? ac_generation_key_set(key, c, text)
                        : ac_error_set(AC_E_NOMEM, "out of memory for a setting");

    free(text);
    if (st == AC_E_ARG)
        st = AC_E_FORMAT;
    return st == AC_OK ? st : ac_error_prefix(st, "%s: %s", path, key->name);
}

/* Keys that are null count as left out. */
static ac_status
read_keys(const char *path, json_t *root, bool own_file, ac_generation_config *c)
{
    const char *key;
    json_t *value;

    json_object_foreach(root, key, value)
    {
        const ac_generation_key *known = ac_generation_key_find(key);
        ac_status st = AC_OK;
        if (json_is_null(value))
            continue;
        if (known)
            st = set_key(path, known, value, c);
        else
            st = refuse_what_is_not_done(path, key, value);
        if (st != AC_OK)
            return st;
        if (own_file && !known && !is_known(key))
            ac_log(AC_LOG_WARNING,
                   "%s: %s is no setting of generation that transformers 5 knows: it has no "
                   "effect",
                   path, key);
    }
    return AC_OK;
}

/* What the first token is, where the file does not say it: <s>, as in transformers. */
static ac_status
read_special_tokens(const char *path, const json_t *root, bool own_file, bool needs_start,
                    ac_generation_config *c)
{
    const json_t *bos = json_object_get(root, "bos_token_id"),
                 *start = json_object_get(root, "decoder_start_token_id");
    const bool has_bos = json_is_integer(bos) && json_integer_value(bos) >= 0 &&
                         json_integer_value(bos) <= INT32_MAX;

    if (bos && !json_is_null(bos) && !has_bos)
        return ac_error_set(AC_E_FORMAT, "%s: bos_token_id is not a token's id", path);
    if (!start || json_is_null(start)) {
        if (!has_bos && needs_start)
            return ac_error_set(AC_E_FORMAT,
                                "%s: has neither decoder_start_token_id nor bos_token_id: what "
                                "does a text begin with?",
                                path);
        c->decoder_start_token_id = has_bos ? (int32_t) json_integer_value(bos) : -1;
    }
    /* of configs of 2020; transformers obeys it in config.json alone, or in a file that says it
     * was made from there */
    if (has_bos && json_is_true(json_object_get(root, "force_bos_token_to_be_generated")) &&
        (!own_file || json_is_true(json_object_get(root, "_from_model_config"))))
        c->forced_bos_token_id = (int32_t) json_integer_value(bos);
    return AC_OK;
}

static ac_status
read_file(const char *path, bool own_file, bool needs_start, ac_generation_config *c)
{
    json_t *root = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_json_reader_load(&root, path));
    if (!json_is_object(root))
        AC_FAIL(AC_E_FORMAT, "%s: is not a JSON object", path);
    AC_TRY(read_keys(path, root, own_file, c));
    st = read_special_tokens(path, root, own_file, needs_start, c);
out:
    json_decref(root);
    return st;
}

static ac_status
load(ac_generation_config *c, const char *folder, bool needs_start)
{
    char *own = NULL, *model = NULL;
    bool own_file;
    ac_status st = AC_OK;

    ac_generation_config_free(c);
    ac_generation_config_defaults(c, -1, -1);
    AC_TRY(ac_path_format(&own, "%s/generation_config.json", folder));
    AC_TRY(ac_path_format(&model, "%s/config.json", folder));
    own_file = ac_file_is_there(own);
    if (!own_file && errno != ENOENT)
        AC_FAIL(ac_io_failure(errno), "%s: cannot be looked for: %s", own, strerror(errno));
    AC_TRY(read_file(own_file ? own : model, own_file, needs_start, c));
    if (needs_start && c->stop_strings.count)
        st = ac_error_set(
            AC_E_FORMAT,
            "%s: stop_strings asks for what this program does for causal language "
            "models alone (texts that end a sequence): set it to null in that file",
            own_file ? own : model);
out:
    free(own);
    free(model);
    return st;
}

ac_status
ac_generation_config_load(ac_generation_config *c, const char *folder)
{
    return load(c, folder, true);
}

ac_status
ac_generation_config_load_causal(ac_generation_config *c, const char *folder)
{
    return load(c, folder, false);
}

/* ---- describing ---- */

/* What came later is told where it differs from the default alone: a run that does without it
 * has the description that it always had. */
static void
describe_whole(ac_buffer *out, const char *name, int64_t value, int64_t usual)
{
    if (value != usual)
        ac_buffer_printf(out, "%s %lld\n", name, (long long) value);
}

static void
describe_real(ac_buffer *out, const char *name, double value, double usual)
{
    if (value != usual)
        ac_buffer_printf(out, "%s %.17g\n", name, value);
}

static void
describe_lists(ac_buffer *out, const char *name, const ac_token_sequences *lists)
{
    if (lists->count == 0)
        return;
    ac_buffer_push_text(out, name);
    for (int64_t i = 0; i < lists->count; i++) {
        for (int64_t t = 0; t < ac_token_sequences_size(lists, i); t++)
            ac_buffer_printf(out, " %d", ac_token_sequences_at(lists, i)[t]);
        if (lists->biases)
            ac_buffer_printf(out, " %.9g", (double) lists->biases[i]);
        ac_buffer_push_char(out, ';');
    }
    ac_buffer_push_char(out, '\n');
}

static void
describe_further(const ac_generation_config *c, ac_buffer *out)
{
    describe_whole(out, "max new tokens", c->max_new_tokens, 0);
    describe_whole(out, "min new tokens", c->min_new_tokens, -1);
    describe_whole(out, "encoder no repeat", c->encoder_no_repeat_ngram_size, 0);
    describe_real(out, "repetition penalty", c->repetition_penalty, 1);
    describe_real(out, "encoder repetition penalty", c->encoder_repetition_penalty, 1);
    describe_real(out, "top h", c->top_h, 0);
    describe_real(out, "min p", c->min_p, 0);
    describe_real(out, "typical p", c->typical_p, 1);
    describe_real(out, "epsilon cutoff", c->epsilon_cutoff, 0);
    describe_real(out, "eta cutoff", c->eta_cutoff, 0);
    describe_whole(out, "renormalize", c->renormalize_logits, false);
    describe_whole(out, "remove invalid", c->remove_invalid_values, false);
    if (c->decay_start >= 0)
        ac_buffer_printf(out, "decay %lld %.17g\n", (long long) c->decay_start,
                         c->decay_factor);
    for (int64_t i = 1; i < c->eos_count; i++)
        ac_buffer_printf(out, "end %d\n", c->eos_token_ids[i]);
    describe_lists(out, "bias", &c->sequence_bias);
    describe_lists(out, "bad words", &c->bad_words_ids);
    describe_lists(out, "suppress", &c->suppress_tokens);
    describe_lists(out, "begin suppress", &c->begin_suppress_tokens);
    for (int64_t i = 0; i < c->stop_strings.count; i++)
        ac_buffer_printf(out, "stop %zu %.*s\n", ac_texts_size(&c->stop_strings, i),
                         (int) ac_texts_size(&c->stop_strings, i),
                         ac_texts_at(&c->stop_strings, i));
}

void
ac_generation_config_describe(const ac_generation_config *c, ac_buffer *out)
{
    ac_buffer_printf(out,
                     "beams %lld returned %lld length %lld to %lld no repeat %lld sampled %d "
                     "temperature %.17g top k %lld top p %.17g\n",
                     (long long) c->num_beams, (long long) c->num_return_sequences,
                     (long long) c->min_length, (long long) c->max_length,
                     (long long) c->no_repeat_ngram_size, c->do_sample, c->temperature,
                     (long long) c->top_k, c->top_p);
    ac_buffer_printf(
        out, "penalty %.17g early %d search %d forced %d %d start %d end %d seed %llu\n",
        c->length_penalty, (int) c->early_stopping, (int) c->beam_search,
        c->forced_bos_token_id, c->forced_eos_token_id, c->decoder_start_token_id,
        c->eos_count ? c->eos_token_ids[0] : -1, (unsigned long long) c->seed);
    describe_further(c, out);
}
