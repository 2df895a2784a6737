/* How stories are drawn, against transformers on the causal models of the golden data: what its
 * processors leave of a prompt's next tokens, one by one and together in its order; whole
 * stories drawn from that. Made by tests/golden/make/causal_filters.py, where no decision is
 * nearer than 1e-4. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/generation/generation_keys.h"
#include "engine/generation/logits.h"
#include "engine/kernels/activation.h"
#include "io/checkpoint/causal_config.h"
#include "tests/support/causal.h"
#include "tests/support/golden.h"
#include "tests/support/model.h"

static ac_generation_config
read_settings(const json_t *settings)
{
    ac_generation_config c;
    const char *name;
    const json_t *value;

    ac_generation_config_defaults(&c, -1, -1);
    c.do_sample = true;
    c.top_k = 0;
    json_object_foreach((json_t *) (uintptr_t) settings, name, value)
    {
        const ac_generation_key *key = ac_generation_key_find(name);
        char *text = json_dumps(value, JSON_ENCODE_ANY);
        assert_non_null(key);
        if (ac_generation_key_set(key, &c, text) != AC_OK)
            fail_msg("%s %s", name, ac_error_message());
        free(text);
    }
    return c;
}

static void
check_filter(const test_causal *model, const json_t *row)
{
    const int64_t V = model->net.config.vocab_size;
    const json_t *kept = json_object_get(row, "kept"),
                 *logs = json_object_get(row, "log_probability");
    ac_generation_config c = read_settings(json_object_get(row, "settings"));
    char *settings = json_dumps(json_object_get(row, "settings"), 0);
    int64_t n;
    int32_t *ids = test_ids(json_object_get(row, "prompt"), &n);
    float *all = test_causal_logits(model, ids, n, n), *x = all + (n - 1) * V;
    ac_scored_token *order = calloc((size_t) V, sizeof *order);
    size_t found = 0;

    ac_logits_process(
        &c, x, V,
        &(ac_logits_context){ .tokens = ids, .count = n, .prompt = n, .most = n + 12 });
    ac_logits_warp(&c, x, V, 1, order);
    ac_log_softmax(x, V);
    for (int64_t i = 0; i < V; i++) {
        if (x[i] == -INFINITY)
            continue;
        if (found >= json_array_size(kept) ||
            i != json_integer_value(json_array_get(kept, found)))
            fail_msg("%s: token %lld is kept", settings, (long long) i);
        if (!(fabs((double) x[i] - json_number_value(json_array_get(logs, found))) <= 2e-4))
            fail_msg("%s: token %lld has log-probability %.9g", settings, (long long) i,
                     (double) x[i]);
        found++;
    }
    if (found != json_array_size(kept))
        fail_msg("%s: %zu tokens are kept, expected %zu", settings, found,
                 json_array_size(kept));
    ac_generation_config_free(&c);
    free(settings);
    free(order);
    free(all);
    free(ids);
}

static uint64_t
read_number(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));

    assert_non_null(text);
    return strtoull(text, NULL, 10);
}

/* Drawn together: the second prompt is another, so that stories of two texts share the batch.
 */
static void
check_stories(const test_causal *model, const json_t *row, const json_t *beside)
{
    const json_t *sequences = json_object_get(row, "sequences"),
                 *scores = json_object_get(row, "scores");
    ac_generation_config c = read_settings(json_object_get(row, "settings"));
    const ac_decoder view = ac_causal_as_decoder(&model->net);
    int64_t n, other;
    int32_t *ids = test_ids(json_object_get(row, "prompt"), &n),
            *next = test_ids(json_object_get(beside, "prompt"), &other),
            *both = calloc((size_t) (n + other), sizeof *both);
    const int64_t offsets[] = { 0, other, other + n };
    const uint64_t streams[] = { 7, read_number(row, "stream") };
    const ac_generation_input input = {
        .prompts = both, .prompt_offsets = offsets, .streams = streams, .count = 2
    };
    ac_generator generator = { 0 };
    ac_generated out = { 0 };

    memcpy(both, next, (size_t) other * sizeof *both);
    memcpy(both + other, ids, (size_t) n * sizeof *both);
    c.seed = read_number(row, "seed");
    c.num_return_sequences = (int64_t) json_array_size(sequences);
    if (ac_generate(&generator, &view, &c, &input, &out) != AC_OK)
        fail_msg("%s", ac_error_message());
    for (size_t k = 0; k < json_array_size(sequences); k++) {
        const ac_candidate told = ac_generated_at(&out, 1, (int64_t) k);
        const json_t *expected = json_array_get(sequences, k);
        assert_int_equal(told.count - n, json_array_size(expected));
        for (int64_t i = n; i < told.count; i++)
            assert_int_equal(told.ids[i],
                             json_integer_value(json_array_get(expected, (size_t) (i - n))));
        assert_true(fabs(told.score - json_number_value(json_array_get(scores, k))) <= 1e-3);
    }
    ac_generator_free(&generator);
    ac_generated_free(&out);
    ac_generation_config_free(&c);
    free(ids);
    free(next);
    free(both);
}

static void
check_model(const json_t *rows)
{
    const char *name = json_string_value(json_object_get(rows, "model"));
    const json_t *filters = json_object_get(rows, "filters"),
                 *stories = json_object_get(rows, "stories"), *row;
    char *folder = golden_path(name);
    ac_weights weights = { 0 };
    ac_causal_config config;
    test_causal model = { 0 };
    size_t i;

    if (!folder)
        skip();
    assert_int_equal(ac_weights_open(&weights, folder), AC_OK);
    assert_int_equal(ac_causal_config_load(&config, folder), AC_OK);
    test_causal_init(&model, &config, &weights.tensors,
                     (ac_compute){ AC_BACKEND_NATIVE, AC_PRECISION_FP32 });
    print_message("%s: %zu filters, %zu times stories\n", name, json_array_size(filters),
                  json_array_size(stories));
    json_array_foreach(filters, i, row) check_filter(&model, row);
    assert_true(i > 0);
    json_array_foreach(stories, i, row)
        check_stories(&model, row, json_array_get(filters, i % json_array_size(filters)));
    assert_true(i > 0);
    test_causal_free(&model);
    ac_weights_close(&weights);
    free(folder);
}

static void
all_models(void **state)
{
    char *path = golden_path("causal_filters/filters.json");
    json_t *file;
    const json_t *rows;
    size_t i;

    (void) state;
    if (!path)
        skip();
    file = test_read_json(path);
    json_array_foreach(json_object_get(file, "rows"), i, rows) check_model(rows);
    assert_true(i > 0);
    json_decref(file);
    free(path);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(all_models) };

    ac_compute_init(2);
    return golden_result(cmocka_run_group_tests(tests, NULL, NULL));
}
