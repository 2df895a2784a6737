/* Greedy and beam search: every recorded case, alone and all inputs of a setting together.
 * Sequences equal; scores within 1e-4 + 1e-5 |score| (golden/generate/README.md: sums of up to
 * 39 log-probabilities in fp32). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/generation/generate.h"
#include "engine/models/bart.h"
#include "io/checkpoint/model_config.h"
#include "io/checkpoint/weights.h"
#include "tests/support/golden.h"
#include "tests/support/model.h"

typedef struct fixture {
    ac_weights weights;
    ac_bart bart;
    void *packed;
    json_t *cases;
    int32_t *ids;
    int64_t *offsets;
    uint64_t *streams;
    int64_t inputs;
} fixture;

static int64_t
option(const json_t *s, const char *key, int64_t none)
{
    const json_t *j = json_object_get(s, key);

    assert_non_null(j);
    return json_is_null(j) ? none : json_integer_value(j);
}

static ac_generation_config
read_setting(const json_t *s, const ac_bart_config *model)
{
    ac_generation_config c;
    const json_t *early = json_object_get(s, "early_stopping");

    ac_generation_config_defaults(&c, model->decoder_start_token_id, model->eos_token_id);
    c.num_beams = c.num_return_sequences = option(s, "num_beams", 0);
    c.length_penalty = json_number_value(json_object_get(s, "length_penalty"));
    c.no_repeat_ngram_size = option(s, "no_repeat_ngram_size", 0);
    c.min_length = option(s, "min_length", 0);
    c.max_length = option(s, "max_length", 20);
    c.forced_bos_token_id = (int32_t) option(s, "forced_bos_token_id", -1);
    c.forced_eos_token_id = (int32_t) option(s, "forced_eos_token_id", -1);
    c.early_stopping = json_is_true(early)     ? AC_EARLY_TRUE
                       : json_is_string(early) ? AC_EARLY_NEVER
                                               : AC_EARLY_FALSE;
    return c;
}

static void
check_candidates(const ac_generated *g, int64_t text, const json_t *sequences,
                 const json_t *scores, const char *what)
{
    const json_t *sequence;
    size_t k;

    assert_true((int64_t) json_array_size(sequences) <= g->each);
    json_array_foreach(sequences, k, sequence)
    {
        const ac_candidate c = ac_generated_at(g, text, (int64_t) k);
        if ((size_t) c.count != json_array_size(sequence))
            fail_msg("%s, candidate %zu: %lld tokens, expected %zu", what, k,
                     (long long) c.count, json_array_size(sequence));
        for (int64_t i = 0; i < c.count; i++)
            if (c.ids[i] != json_integer_value(json_array_get(sequence, (size_t) i)))
                fail_msg("%s, candidate %zu, token %lld: %d", what, k, (long long) i, c.ids[i]);
        if (json_is_array(scores)) {
            const double expected = json_number_value(json_array_get(scores, k));
            if (!(fabs(c.score - expected) <= 1e-4 + 1e-5 * fabs(expected)))
                fail_msg("%s, candidate %zu: score %.9g, expected %.9g", what, k, c.score,
                         expected);
        }
    }
}

static void
read_inputs(fixture *f)
{
    const json_t *inputs = json_object_get(f->cases, "inputs"), *input;
    size_t i, used = 0;

    f->inputs = (int64_t) json_array_size(inputs);
    f->offsets = calloc((size_t) f->inputs + 1, sizeof *f->offsets);
    f->streams = calloc((size_t) f->inputs, sizeof *f->streams);
    json_array_foreach(inputs, i, input)
    {
        f->ids = realloc(f->ids, (used + json_array_size(input)) * sizeof *f->ids);
        for (size_t j = 0; j < json_array_size(input); j++)
            f->ids[used++] = (int32_t) json_integer_value(json_array_get(input, j));
        f->offsets[i + 1] = (int64_t) used;
    }
}

/* All rows of one setting; together: in one call. Returns the rows checked. */
static int
check_setting(fixture *f, size_t setting, ac_beam_search version, bool together)
{
    ac_generation_config c = read_setting(
        json_array_get(json_object_get(f->cases, "settings"), setting), &f->bart.config);
    const ac_decoder decoder = ac_bart_as_decoder(&f->bart);
    const ac_generation_input all = {
        .ids = f->ids, .offsets = f->offsets, .streams = f->streams, .count = f->inputs
    };
    ac_generator generator = { 0 };
    ac_generated out = { 0 };
    const json_t *row;
    size_t r;
    int checked = 0;

    c.beam_search = version;
    c.decoder_start_token_id = (int32_t) option(f->cases, "decoder_start_token_id", 0);
    if (together && ac_generate(&generator, &decoder, &c, &all, &out) != AC_OK)
        fail_msg("%s", ac_error_message());
    json_array_foreach(json_object_get(f->cases, "rows"), r, row)
    {
        const int64_t input = json_integer_value(json_object_get(row, "input"));
        const json_t *old = json_object_get(row, "hf4.9"), *wanted = row;
        char what[100];
        if (json_integer_value(json_object_get(row, "setting")) != (json_int_t) setting)
            continue;
        if (version == AC_BEAM_HF49 && (!old || json_is_null(old)))
            continue;
        if (version == AC_BEAM_HF49 && json_is_object(old))
            wanted = old;
        if (!together) {
            const int64_t own[2] = { 0, f->offsets[input + 1] - f->offsets[input] };
            const ac_generation_input one = { .ids = f->ids + f->offsets[input],
                                              .offsets = own,
                                              .streams = f->streams,
                                              .count = 1 };
            if (ac_generate(&generator, &decoder, &c, &one, &out) != AC_OK)
                fail_msg("%s", ac_error_message());
        }
        snprintf(what, sizeof what, "setting %zu, input %lld, %s, %s", setting,
                 (long long) input, version == AC_BEAM_HF5 ? "hf5" : "hf4.9",
                 together ? "together" : "alone");
        check_candidates(&out, together ? input : 0, json_object_get(wanted, "sequences"),
                         json_object_get(wanted, "scores"), what);
        checked++;
    }
    ac_generator_free(&generator);
    ac_generated_free(&out);
    return checked;
}

static void
check_model(const char *model, ac_compute compute)
{
    char name[64], *folder, *path;
    fixture f = { 0 };
    ac_bart_config config;
    int checked = 0;

    snprintf(name, sizeof name, "bart/%s", model);
    folder = golden_path(name);
    snprintf(name, sizeof name, "generate/%s_cases.json", model);
    path = golden_path(name);
    if (!folder || !path) {
        free(folder);
        free(path);
        skip();
    }
    f.cases = test_read_json(path);
    assert_int_equal(ac_weights_open(&f.weights, folder), AC_OK);
    assert_int_equal(ac_bart_config_load(&config, folder), AC_OK);
    assert_int_equal(
        ac_alloc_aligned(&f.packed, (int64_t) ac_bart_packed_bytes(&config, &compute), 1),
        AC_OK);
    assert_int_equal(
        ac_bart_init(&f.bart, &config, &f.weights.tensors, NULL, &compute, f.packed, true),
        AC_OK);
    read_inputs(&f);
    for (size_t s = 0; s < json_array_size(json_object_get(f.cases, "settings")); s++) {
        /* alone and together are the same bits with native and oneDNN (golden/test_sampling.c):
         * both ways for one of them */
        for (int together = compute.backend != AC_BACKEND_NATIVE; together < 2; together++) {
            checked += check_setting(&f, s, AC_BEAM_HF5, together);
            checked += check_setting(&f, s, AC_BEAM_HF49, together);
        }
    }
    assert_true(checked >= (int) json_array_size(json_object_get(f.cases, "rows")));
    print_message("%s: %d searches compared\n", model, checked);
    ac_bart_free(&f.bart);
    ac_weights_close(&f.weights);
    json_decref(f.cases);
    free(f.packed);
    free(f.ids);
    free(f.offsets);
    free(f.streams);
    free(folder);
    free(path);
}

static void
model_a(void **state)
{
    (void) state;
    test_on_each_backend("a", check_model);
}

static void
model_b(void **state)
{
    (void) state;
    test_on_each_backend("b", check_model);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(model_a), cmocka_unit_test(model_b) };

    ac_compute_init(
        1); /* models too small for threads; test_sampling.c compares numbers of threads */
    return golden_result(cmocka_run_group_tests(tests, NULL, NULL));
}
