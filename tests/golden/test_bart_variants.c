/* What a BART folder says about generation, and where its tied matrix lies: every case of
 * golden/bart_variants, by its files and, where it is one of settings, by a job's config too.
 * Tolerances are that README's: sequences and what sampling keeps equal; scores 2e-4 + 2e-5
 * |score|; logits 2e-4 (as golden/bart; noise of 2e-5 on every logit changes no sequence). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/generation/generate.h"
#include "engine/generation/logits.h"
#include "engine/models/bart.h"
#include "io/checkpoint/model_config.h"
#include "io/checkpoint/tokenizer_files.h"
#include "io/checkpoint/weights.h"
#include "io/config/config.h"
#include "tests/support/golden.h"
#include "tests/support/model.h"

enum { DRAWS = 300, PAD = 1 };

/* A case's folder, and the model that was made from it. */
typedef struct variant {
    char folder[64];
    ac_weights weights;
    ac_bart bart;
    ac_generation_config generation;
    void *packed;
} variant;

/* ---- a folder of links ---- */

static void
link_layer(const variant *self, const char *topic, const char *layer)
{
    char command[600];

    snprintf(command, sizeof command, "ln -sf '%s/%s'/* '%s'", topic, layer, self->folder);
    assert_int_equal(system(command), 0);
}

static void
make_folder(variant *self, const char *topic, const json_t *row)
{
    const json_t *name;
    size_t i;
    char path[160];

    strcpy(self->folder, "/tmp/antarctic-variant-XXXXXX");
    assert_non_null(mkdtemp(self->folder));
    json_array_foreach(json_object_get(row, "layers"), i, name)
        link_layer(self, topic, json_string_value(name));
    json_array_foreach(json_object_get(row, "without"), i, name)
    {
        snprintf(path, sizeof path, "%s/%s", self->folder, json_string_value(name));
        assert_int_equal(unlink(path), 0);
    }
}

static void
close_variant(variant *self)
{
    char command[100];

    ac_bart_free(&self->bart);
    ac_weights_close(&self->weights);
    ac_generation_config_free(&self->generation);
    free(self->packed);
    snprintf(command, sizeof command, "rm -r '%s'", self->folder);
    assert_int_equal(system(command), 0);
}

static ac_status
open_model(variant *self)
{
    const ac_compute compute = { .backend = AC_BACKEND_NATIVE };
    ac_bart_config config;
    ac_status st = AC_OK;

    AC_TRY(ac_bart_config_load(&config, self->folder));
    AC_TRY(ac_weights_open(&self->weights, self->folder));
    AC_TRY(
        ac_alloc_aligned(&self->packed, (int64_t) ac_bart_packed_bytes(&config, &compute), 1));
    AC_TRY(ac_bart_init(&self->bart, &config, &self->weights.tensors, NULL, &compute,
                        self->packed, true));
    st = ac_generation_config_load(&self->generation, self->folder);
out:
    return st;
}

/* ---- settings ---- */

/* {"num_beams": 1, …} as a job's config has them, over the files'. null: none. */
static ac_status
apply(variant *self, const json_t *settings)
{
    ac_config config = { 0 };
    const char *key;
    json_t *value;
    ac_status st = AC_OK;

    AC_TRY(ac_config_init(&config));
    json_object_foreach((json_t *) (uintptr_t) settings, key, value)
    {
        char *text = json_dumps(value, JSON_ENCODE_ANY), assignment[4000];
        snprintf(assignment, sizeof assignment, "generation.%s=%s", key,
                 json_is_null(value) ? "none" : text);
        free(text);
        AC_TRY(ac_config_set(&config, assignment));
    }
    st = ac_config_generation(&config, &self->generation);
out:
    ac_config_free(&config);
    return st;
}

static ac_status
open_variant(variant *self, const char *topic, const json_t *row)
{
    ac_status st;

    make_folder(self, topic, row);
    st = open_model(self);
    return st == AC_OK ? apply(self, json_object_get(row, "options")) : st;
}

/* ---- comparing ---- */

static int64_t
read_ids(const json_t *list, int32_t *ids)
{
    const int64_t n = (int64_t) json_array_size(list);

    for (int64_t i = 0; i < n; i++)
        ids[i] = (int32_t) json_integer_value(json_array_get(list, (size_t) i));
    return n;
}

static ac_status
generate(variant *self, const json_t *input, ac_generated *out)
{
    const ac_decoder decoder = ac_bart_as_decoder(&self->bart);
    int32_t ids[512];
    const int64_t offsets[2] = { 0, read_ids(input, ids) };
    const uint64_t stream = 11;
    ac_generator generator = { 0 };
    const ac_status st =
        ac_generate(&generator, &decoder, &self->generation,
                    &(ac_generation_input){
                        .ids = ids, .offsets = offsets, .streams = &stream, .count = 1 },
                    out);

    ac_generator_free(&generator);
    return st;
}

/* Where another token than </s> ends a sequence, the recorded one is padded. */
static int64_t
length_without_padding(const json_t *sequence)
{
    size_t n = json_array_size(sequence);

    while (n > 1 && json_integer_value(json_array_get(sequence, n - 1)) == PAD)
        n--;
    return (int64_t) n;
}

static void
check_candidates(const ac_generated *out, const json_t *sequences, const json_t *scores,
                 const char *what)
{
    const json_t *sequence;
    size_t k;

    assert_int_equal(out->each, json_array_size(sequences));
    json_array_foreach(sequences, k, sequence)
    {
        const ac_candidate c = ac_generated_at(out, 0, (int64_t) k);
        const int64_t n = length_without_padding(sequence);
        for (int64_t i = 0; i < c.count || i < n; i++)
            if (i >= c.count || i >= n ||
                c.ids[i] != json_integer_value(json_array_get(sequence, (size_t) i)))
                fail_msg("%s, candidate %zu: differs from token %lld on (%lld tokens, expected "
                         "%lld)",
                         what, k, (long long) i, (long long) c.count, (long long) n);
        if (json_is_array(scores)) {
            const double expected = json_number_value(json_array_get(scores, k));
            if (!(fabs(c.score - expected) <= 2e-4 + 2e-5 * fabs(expected)))
                fail_msg("%s, candidate %zu: score %.9g, expected %.9g", what, k, c.score,
                         expected);
        }
    }
}

static void
check_searches(variant *self, const json_t *row, const char *how)
{
    const json_t *input;
    size_t i;
    char what[200];

    json_array_foreach(json_object_get(row, "inputs"), i, input)
    {
        ac_generated out = { 0 };
        snprintf(what, sizeof what, "%s (%s), input %zu",
                 json_string_value(json_object_get(row, "name")), how, i);
        if (generate(self, input, &out) != AC_OK)
            fail_msg("%s: %s", what, ac_error_message());
        check_candidates(&out, json_array_get(json_object_get(row, "sequences"), i),
                         json_array_get(json_object_get(row, "scores"), i), what);
        ac_generated_free(&out);
    }
}

/* The decoder's logits [V] after the start token; the caller frees them. */
static float *
first_logits(const variant *self, const int32_t *ids, int64_t n)
{
    const ac_decoder decoder = ac_bart_as_decoder(&self->bart);
    const ac_decoder_capacity capacity = {
        .slots = 1, .positions = 2, .rows = 1, .inputs = 1, .input_tokens = n
    };
    const int32_t start = self->generation.decoder_start_token_id;
    const ac_decoder_prompt prompt = { .tokens = &start, .count = 1 };
    float *logits = malloc((size_t) decoder.vocab_size * sizeof *logits);
    ac_decoder_state state = { 0 };
    ac_scratch scratch = { 0 };

    assert_int_equal(ac_decoder_state_reserve(&state, &decoder, &capacity), AC_OK);
    assert_int_equal(ac_scratch_reserve(&scratch, ac_decoder_scratch_bytes(&state)), AC_OK);
    ac_decoder_read_inputs(&state, &(ac_decoder_inputs){ ids, (int64_t[]){ 0, n }, 1 },
                           &scratch);
    ac_decoder_prefill(&state, logits, &prompt, 1, &scratch);
    ac_decoder_state_free(&state);
    ac_scratch_free(&scratch);
    return logits;
}

/* What is left of the first step, exactly, and that draws are from it alone. */
static void
check_kept(variant *self, const char *what, const json_t *input, const json_t *kept,
           const json_t *log_p)
{
    const int64_t V = self->bart.config.vocab_size;
    ac_scored_token *order = malloc((size_t) V * sizeof *order);
    int32_t ids[512];
    const int64_t n = read_ids(input, ids);
    float *x = first_logits(self, ids, n), *expected = malloc((size_t) V * sizeof *expected);
    ac_generated out = { 0 };

    for (int64_t i = 0; i < V; i++)
        expected[i] = -INFINITY;
    for (size_t i = 0; i < json_array_size(kept); i++)
        expected[json_integer_value(json_array_get(kept, i))] =
            (float) json_number_value(json_array_get(log_p, i));
    ac_logits_process(
        &self->generation, x, V,
        &(ac_logits_context){ &self->generation.decoder_start_token_id, 1, 1, 2, ids, n });
    ac_logits_warp(&self->generation, x, V, 1, order);
    ac_log_softmax(x, V);
    for (int64_t i = 0; i < V; i++)
        if (isfinite(x[i]) != isfinite(expected[i]) ||
            (isfinite(x[i]) && !(fabsf(x[i] - expected[i]) <= 2e-4f)))
            fail_msg("%s, token %lld: %.9g, expected %.9g", what, (long long) i, (double) x[i],
                     (double) expected[i]);
    self->generation.num_return_sequences = DRAWS;
    if (generate(self, input, &out) != AC_OK)
        fail_msg("%s: %s", what, ac_error_message());
    for (int64_t k = 0; k < DRAWS; k++) {
        const ac_candidate c = ac_generated_at(&out, 0, k);
        assert_int_equal(c.count, 2);
        if (!(fabs(c.score - (double) expected[c.ids[1]]) <= 2e-4))
            fail_msg("%s: drew %d with a score of %.9g, expected %.9g", what, c.ids[1], c.score,
                     (double) expected[c.ids[1]]);
    }
    ac_generated_free(&out);
    free(order);
    free(expected);
    free(x);
}

static void
check_sampling(variant *self, const json_t *row)
{
    const char *name = json_string_value(json_object_get(row, "name"));

    for (size_t i = 0; i < json_array_size(json_object_get(row, "inputs")); i++)
        check_kept(self, name, json_array_get(json_object_get(row, "inputs"), i),
                   json_array_get(json_object_get(row, "kept"), i),
                   json_array_get(json_object_get(row, "log_probability"), i));
}

static void
check_logits(variant *self, const json_t *row, const ac_tensors *expected)
{
    const char *name = json_string_value(json_object_get(row, "logits"));
    const json_t *input;
    const int64_t V = self->bart.config.vocab_size;
    size_t i;

    json_array_foreach(json_object_get(row, "inputs"), i, input)
    {
        int32_t ids[512];
        float *x = first_logits(self, ids, read_ids(input, ids));
        test_assert_close(name, x, test_floats(expected, name) + (int64_t) i * V, V, 2e-4);
        free(x);
    }
}

/* ---- the cases ---- */

/* Refused: opened or not, it does not generate, and file and key are told. */
static void
check_refused(variant *self, const json_t *row, ac_status st)
{
    const char *name = json_string_value(json_object_get(row, "name")), *key;
    ac_generated out = { 0 };
    json_t *value;
    bool told = false;

    if (st == AC_OK)
        st = generate(self, json_array_get(json_object_get(row, "inputs"), 0), &out);
    if (st == AC_OK)
        fail_msg("%s is not refused", name);
    json_object_foreach(json_object_get(row, "settings"), key, value) told =
        told || strstr(ac_error_message(), key);
    if (!told || !strstr(ac_error_message(), "generation_config.json"))
        fail_msg("%s: \"%s\" does not name file and key", name, ac_error_message());
    ac_generated_free(&out);
}

/* The same settings by a job's config over the plain folder. false: one is no config key. */
static bool
check_as_config(const char *topic, const json_t *row)
{
    json_t *plain = json_object();
    variant self = { 0 };
    bool all = true;
    const char *key;
    json_t *value;

    json_object_set_new(plain, "layers", json_pack("[s]", "base"));
    json_object_foreach(json_object_get(row, "settings"), key, value)
    {
        char name[80];
        snprintf(name, sizeof name, "generation.%s", key);
        all = all && ac_config_has("caption", name);
    }
    if (all) {
        if (open_variant(&self, topic, plain) != AC_OK ||
            apply(&self, json_object_get(row, "settings")) != AC_OK ||
            apply(&self, json_object_get(row, "options")) != AC_OK)
            fail_msg("%s: %s", json_string_value(json_object_get(row, "name")),
                     ac_error_message());
        check_searches(&self, row, "as config keys");
        close_variant(&self);
    }
    json_decref(plain);
    return all;
}

/* ---- the tokenizer's files ---- */

static void
check_tokenizer(const char *topic, const json_t *row)
{
    const char *name = json_string_value(json_object_get(row, "name"));
    const json_t *ids = json_object_get(row, "ids"), *text;
    variant self = { 0 };
    ac_tokenizer t = { 0 };
    ac_encoding e = { 0 };
    char fingerprint[33];
    size_t i;

    make_folder(&self, topic, row);
    if (ac_tokenizer_open(&t, self.folder, NULL, AC_TOKENIZER_BART, fingerprint) != AC_OK)
        fail_msg("%s: %s", name, ac_error_message());
    json_array_foreach(json_object_get(row, "texts"), i, text)
    {
        const json_t *expected = json_array_get(ids, i);
        assert_int_equal(ac_tokenizer_encode(&t, json_string_value(text),
                                             json_string_length(text), 0, true, &e),
                         AC_OK);
        assert_int_equal(e.count, json_array_size(expected));
        for (int64_t k = 0; k < e.count; k++)
            if (e.ids[k] != json_integer_value(json_array_get(expected, (size_t) k)))
                fail_msg("%s: text %zu: id %lld is %d", name, i, (long long) k, e.ids[k]);
    }
    assert_true(i > 0);
    ac_encoding_free(&e);
    ac_tokenizer_free(&t);
    close_variant(&self);
}

static void
every_case(void **state)
{
    char *topic = golden_path("bart_variants"),
         *tensors = golden_path("bart_variants/expected.safetensors"), path[600];
    ac_safetensors expected = { 0 };
    json_t *cases, *row;
    int checked = 0, by_config = 0, tokenizers = 0;
    size_t i;

    (void) state;
    if (!topic || !tensors) {
        free(topic);
        free(tensors);
        skip();
    }
    snprintf(path, sizeof path, "%s/expected.json", topic);
    cases = test_read_json(path);
    assert_int_equal(ac_safetensors_open(&expected, tensors), AC_OK);
    json_array_foreach(json_object_get(cases, "cases"), i, row)
    {
        const bool refuse =
            strcmp(json_string_value(json_object_get(row, "expect")), "refuse") == 0;
        variant self = { 0 };
        ac_status st;
        if (json_object_get(row, "texts")) {
            check_tokenizer(topic, row);
            tokenizers++;
            continue;
        }
        st = open_variant(&self, topic, row);
        if (!refuse && st != AC_OK)
            fail_msg("%s: %s", json_string_value(json_object_get(row, "name")),
                     ac_error_message());
        if (refuse)
            check_refused(&self, row, st);
        else if (json_object_get(row, "kept"))
            check_sampling(&self, row);
        else
            check_searches(&self, row, "as files");
        if (!refuse && json_object_get(row, "logits"))
            check_logits(&self, row, &expected.tensors);
        close_variant(&self);
        if (!refuse && json_object_get(row, "settings") && json_object_get(row, "sequences"))
            by_config += check_as_config(topic, row);
        checked++;
    }
    print_message("%d cases, %d of them as config keys too\n", checked, by_config);
    assert_true(checked > 0 && by_config > 0 && tokenizers > 0);
    ac_safetensors_close(&expected);
    json_decref(cases);
    free(topic);
    free(tensors);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_case) };

    ac_compute_init(1); /* models too small for threads */
    return golden_result(cmocka_run_group_tests(tests, NULL, NULL));
}
