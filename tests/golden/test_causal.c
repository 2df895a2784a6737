/* GPT-2, GPT-Neo, GPT-J, Llama, Qwen2, Qwen3, block by block and in generation, against the
 * Python reference. Tolerances: golden/gpt/README.md, golden/llama/README.md (block outputs
 * 1e-4, logits and log-probabilities 2e-4: what fp32 itself differs by is a tenth). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/generation/logits.h"
#include "engine/kernels/activation.h"
#include "io/checkpoint/causal_config.h"
#include "tests/support/causal.h"
#include "tests/support/golden.h"
#include "tests/support/model.h"

typedef struct fixture {
    ac_weights weights;
    ac_causal_config config;
    test_causal model;
    json_t *cases;
} fixture;

/* ---- block by block ---- */

typedef struct comparison {
    const ac_tensors *expected;
    int prompt, compared;
    int64_t at;
} comparison;

static void
compare(void *context, const char *name, const float *x, int64_t rows, int64_t columns)
{
    comparison *c = context;
    char full[64];

    snprintf(full, sizeof full, "prompt%d.%s", c->prompt, name);
    test_assert_close(full, x, test_floats(c->expected, full) + c->at * columns, rows * columns,
                      1e-4);
    c->compared++;
}

/* A prompt's logits, and the blocks' outputs where all of it is one step. */
static void
check_prompt(fixture *f, const ac_tensors *golden, int i, int64_t together)
{
    comparison c = { .expected = golden, .prompt = i };
    const int64_t V = f->config.vocab_size;
    const bool whole = together == 0;
    char name[64];
    int64_t n;
    int32_t *ids =
        test_ids(json_object_get(json_array_get(f->cases, (size_t) i), "prompt"), &n);
    float *logits;

    if (whole) {
        together = n;
        f->model.net.tap = (ac_tap){ compare, &c };
    }
    logits = test_causal_logits(&f->model, ids, n, together);
    f->model.net.tap.fn = NULL;
    snprintf(name, sizeof name, "prompt%d.logits", i);
    assert_int_equal(ac_tensor_count(test_tensor(golden, name)), n * V);
    test_assert_close(name, logits, test_floats(golden, name), n * V, 2e-4);
    assert_int_equal(c.compared, whole ? f->config.layers : 0);
    free(logits);
    free(ids);
}

/* ---- generation ---- */

static ac_generation_config
greedy(const fixture *f, int64_t most)
{
    ac_generation_config c;

    (void) f;
    ac_generation_config_defaults(&c, -1, -1);
    c.max_new_tokens = most;
    return c;
}

static void
check_filter(const json_t *filter, const json_t *kept, const json_t *logs, const float *logits,
             int64_t V)
{
    ac_generation_config c;
    ac_scored_token *order = calloc((size_t) V, sizeof *order);
    float *x = calloc((size_t) V, sizeof *x);
    const json_t *value;
    size_t n = 0;

    ac_generation_config_defaults(&c, -1, -1);
    c.do_sample = true;
    c.temperature = json_number_value(json_object_get(filter, "temperature"));
    c.top_k = json_integer_value(json_object_get(filter, "top_k"));
    if ((value = json_object_get(filter, "top_p")))
        c.top_p = json_number_value(value);
    if ((value = json_object_get(filter, "min_p")))
        c.min_p = json_number_value(value);
    memcpy(x, logits, (size_t) V * sizeof *x);
    ac_logits_warp(&c, x, V, 1, order);
    ac_log_softmax(x, V);
    for (int64_t i = 0; i < V; i++) {
        if (x[i] == -INFINITY)
            continue;
        assert_int_equal(i, json_integer_value(json_array_get(kept, n)));
        assert_true(fabs((double) x[i] - json_number_value(json_array_get(logs, n))) <= 2e-4);
        n++;
    }
    assert_int_equal(n, json_array_size(kept));
    free(order);
    free(x);
}

static void
check_list(fixture *f, const json_t *one, const char *key, double penalty, int64_t ngram)
{
    const json_t *list = json_object_get(one, key);
    json_t *expected;
    ac_generation_config c;
    int64_t n;
    int32_t *prompt;

    if (!list)
        return;
    c = greedy(f, (int64_t) json_array_size(list));
    c.repetition_penalty = penalty;
    c.no_repeat_ngram_size = ngram;
    prompt = test_ids(json_object_get(one, "prompt"), &n);
    expected = json_pack("[O]", list);
    test_causal_generates(&f->model, &c, prompt, n, expected, NULL, key);
    json_decref(expected);
    free(prompt);
}

static void
check_beams(fixture *f, const json_t *prompt, const json_t *search)
{
    const json_t *s = json_object_get(search, "settings"), *v;
    ac_generation_config c = greedy(f, 20);
    int64_t n;
    int32_t *ids = test_ids(prompt, &n);

    c.num_beams = json_integer_value(json_object_get(s, "num_beams"));
    c.num_return_sequences = json_integer_value(json_object_get(s, "num_return_sequences"));
    c.length_penalty = json_number_value(json_object_get(s, "length_penalty"));
    assert_true(json_is_true(json_object_get(s, "early_stopping")));
    c.early_stopping = AC_EARLY_TRUE;
    if ((v = json_object_get(s, "eos_token_id"))) {
        c.eos_token_ids[0] = (int32_t) json_integer_value(v);
        c.eos_count = 1;
    }
    if ((v = json_object_get(s, "repetition_penalty")))
        c.repetition_penalty = json_number_value(v);
    c.no_repeat_ngram_size = json_integer_value(json_object_get(s, "no_repeat_ngram_size"));
    test_causal_generates(&f->model, &c, ids, n, json_object_get(search, "sequences"),
                          json_object_get(search, "scores"), "beams");
    free(ids);
}

static void
check_case(fixture *f, const json_t *one)
{
    const json_t *nll = json_object_get(one, "nll_of_prompt"), *part;
    const int64_t V = f->config.vocab_size;
    int64_t n;
    int32_t *ids = test_ids(json_object_get(one, "prompt"), &n);
    float *logits = test_causal_logits(&f->model, ids, n, n);
    double sum = 0;
    size_t i;

    check_list(f, one, "greedy", 1, 0);
    check_list(f, one, "greedy_no_repeat_2gram", 1, 2);
    check_list(f, one, "greedy_repetition_penalty_1.3", 1.3, 0);
    json_array_foreach(json_object_get(one, "beams"), i, part)
        check_beams(f, json_object_get(one, "prompt"), part);
    if (json_object_get(one, "filter"))
        check_filter(json_object_get(one, "filter"), json_object_get(one, "kept"),
                     json_object_get(one, "kept_log_probability"), logits + (n - 1) * V, V);
    json_array_foreach(json_object_get(one, "filters"), i, part)
        check_filter(json_object_get(part, "filter"), json_object_get(part, "kept"),
                     json_object_get(part, "kept_log_probability"), logits + (n - 1) * V, V);
    for (int64_t t = 0; t + 1 < n; t++)
        sum -= (double) ac_log_softmax_at(logits + t * V, V, ids[t + 1]);
    if (json_is_number(nll))
        assert_true(fabs(sum / (double) (n - 1) - json_number_value(nll)) <= 2e-4);
    free(logits);
    free(ids);
}

/* ---- a model ---- */

/* "TOPIC/NAME" of each backend. */
static void
check_model(const char *model, ac_compute compute)
{
    char name[64];
    fixture f = { 0 };
    ac_safetensors golden;
    json_t *file = NULL, *more = NULL;
    char *folder = golden_path(model), *path, *cases, *more_path = NULL;
    const json_t *one;
    size_t i;

    snprintf(name, sizeof name, "%s_expected.safetensors", model);
    path = golden_path(name);
    snprintf(name, sizeof name, "%s_cases.json", model);
    cases = golden_path(name);
    if (!folder || !path || !cases)
        skip();
    assert_int_equal(ac_weights_open(&f.weights, folder), AC_OK);
    assert_int_equal(ac_safetensors_open(&golden, path), AC_OK);
    if (ac_causal_config_load(&f.config, folder) != AC_OK)
        fail_msg("%s", ac_error_message());
    file = test_read_json(cases);
    f.cases = json_object_get(file, "cases");
    test_causal_init(&f.model, &f.config, &f.weights.tensors, compute);
    for (int p = 0; p < (int) json_array_size(f.cases); p++)
        for (int64_t together = 0; together < 4; together += together ? 2 : 1)
            check_prompt(&f, &golden.tensors, p, together);
    json_array_foreach(f.cases, i, one) check_case(&f, one);
    if (strncmp(model, "gpt/", 4) == 0)
        more_path = golden_path("llama/gpt_more_cases.json");
    if (more_path) {
        more = test_read_json(more_path);
        json_array_foreach(
            json_object_get(json_object_get(more, strchr(model, '/') + 1), "cases"), i, one)
            check_case(&f, one);
        assert_true(i > 0);
    }
    test_causal_free(&f.model);
    ac_safetensors_close(&golden);
    ac_weights_close(&f.weights);
    json_decref(file);
    json_decref(more);
    free(folder);
    free(path);
    free(cases);
    free(more_path);
}

/* ---- company ---- */

enum { TEXTS = 9, EACH = 3, NEW = 12 };

/* Prompts of all lengths that begin alike, sampled with so many lines at once. */
static void
sample(test_causal *model, int64_t lines, ac_generated *out)
{
    const ac_decoder view = ac_causal_as_decoder(&model->net);
    const int64_t V = view.vocab_size;
    int32_t prompts[TEXTS * 20];
    int64_t offsets[TEXTS + 1] = { 0 };
    uint64_t streams[TEXTS];
    ac_generator generator = { .max_rows = lines };
    ac_generation_config c;
    const ac_generation_input input = {
        .prompts = prompts, .prompt_offsets = offsets, .streams = streams, .count = TEXTS
    };

    for (int64_t i = 0; i < TEXTS; i++) {
        const int64_t n = 4 + i * 5 % 7;
        for (int64_t t = 0; t < n; t++)
            prompts[offsets[i] + t] = (int32_t) ((t < 3 ? t + 1 : 31 * i + 7 * t) % V);
        offsets[i + 1] = offsets[i] + n;
        streams[i] = (uint64_t) i * 1000003;
    }
    ac_generation_config_defaults(&c, -1, (int32_t) (V / 3));
    c.do_sample = true;
    c.temperature = 1.5;
    c.num_return_sequences = EACH;
    c.max_new_tokens = NEW;
    for (int64_t i = 1; i < 14; i++) /* so that stories end at different lengths */
        c.eos_token_ids[c.eos_count++] = (int32_t) (i * 29 % V);
    if (ac_generate(&generator, &view, &c, &input, out) != AC_OK)
        fail_msg("%s", ac_error_message());
    ac_generator_free(&generator);
}

/* A story is the same, to the bit of its score, whatever is computed beside it. */
static void
company(void **state)
{
    static const int64_t lines[] = { 1, 2, 4, 7, 26 };
    char *folder = golden_path("llama/llama");
    fixture f = { 0 };
    ac_generated together = { 0 };
    int lengths = 0;

    (void) state;
    if (!folder)
        skip();
    assert_int_equal(ac_weights_open(&f.weights, folder), AC_OK);
    assert_int_equal(ac_causal_config_load(&f.config, folder), AC_OK);
    test_causal_init(&f.model, &f.config, &f.weights.tensors,
                     (ac_compute){ AC_BACKEND_NATIVE, AC_PRECISION_FP32 });
    sample(&f.model, 256, &together);
    for (size_t l = 0; l < sizeof lines / sizeof *lines; l++) {
        ac_generated few = { 0 };
        sample(&f.model, lines[l], &few);
        for (int64_t i = 0; i < TEXTS * EACH; i++) {
            const ac_candidate a = ac_generated_at(&together, i / EACH, i % EACH),
                               b = ac_generated_at(&few, i / EACH, i % EACH);
            assert_int_equal(a.count, b.count);
            assert_memory_equal(a.ids, b.ids, (size_t) a.count * sizeof *a.ids);
            assert_memory_equal(&a.score, &b.score, sizeof a.score);
            lengths |= i && a.count != ac_generated_at(&together, 0, 0).count;
        }
        ac_generated_free(&few);
    }
    assert_true(lengths);
    ac_generated_free(&together);
    test_causal_free(&f.model);
    ac_weights_close(&f.weights);
    free(folder);
}

#define MODEL(function, model)                    \
    static void function(void **state)            \
    {                                             \
        (void) state;                             \
        test_on_each_backend(model, check_model); \
    }

MODEL(gpt2, "gpt/gpt2")
MODEL(gpt_neo, "gpt/gpt_neo")
MODEL(gptj, "gpt/gptj")
MODEL(llama, "llama/llama")
MODEL(llama_untied, "llama/llama_untied")
MODEL(llama3, "llama/llama3")
MODEL(qwen2, "llama/qwen2")
MODEL(qwen3, "llama/qwen3")

/* transformers 4 says the same in other words. */
static void
both_spellings(void **state)
{
    static const char *const models[] = { "llama", "llama_untied", "llama3", "qwen2", "qwen3" };

    (void) state;
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        char name[64], *folder, *old;
        ac_causal_config today, before;
        ac_buffer a = { 0 }, b = { 0 };
        snprintf(name, sizeof name, "llama/%s", models[i]);
        folder = golden_path(name);
        snprintf(name, sizeof name, "llama/%s/config_transformers_4.json", models[i]);
        old = golden_path(name);
        if (!folder || !old)
            skip();
        unlink("config.json");
        assert_int_equal(symlink(old, "config.json"), 0);
        assert_int_equal(ac_causal_config_load(&today, folder), AC_OK);
        assert_int_equal(ac_causal_config_load(&before, "."), AC_OK);
        ac_causal_config_describe(&today, &a);
        ac_causal_config_describe(&before, &b);
        assert_string_equal(a.data, b.data);
        ac_buffer_free(&a);
        ac_buffer_free(&b);
        free(folder);
        free(old);
    }
    unlink("config.json");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gpt2),           cmocka_unit_test(gpt_neo),
        cmocka_unit_test(gptj),           cmocka_unit_test(llama),
        cmocka_unit_test(llama_untied),   cmocka_unit_test(llama3),
        cmocka_unit_test(qwen2),          cmocka_unit_test(qwen3),
        cmocka_unit_test(both_spellings), cmocka_unit_test(company),
    };

    ac_compute_init(2);
    return golden_result(cmocka_run_group_tests(tests, NULL, NULL));
}
