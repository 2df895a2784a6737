/* GGUF: blocks to the bit, models' logits and greedy tokens, malformed files refused. Facts and
 * tolerances: golden/gguf/README.md (logits 2e-4). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/checkpoint/gguf_config.h"
#include "io/checkpoint/safetensors.h"
#include "tests/support/causal.h"
#include "tests/support/golden.h"
#include "tests/support/model.h"

/* ---- blocks ---- */

static void
check_block(const char *type)
{
    char name[64], *path, *wanted;
    ac_gguf g;
    ac_safetensors expected;

    snprintf(name, sizeof name, "gguf/blocks/%s.gguf", type);
    path = golden_path(name);
    snprintf(name, sizeof name, "gguf/blocks/%s.safetensors", type);
    wanted = golden_path(name);
    if (!path || !wanted)
        skip();
    if (ac_gguf_open(&g, path) != AC_OK)
        fail_msg("%s", ac_error_message());
    assert_int_equal(ac_safetensors_open(&expected, wanted), AC_OK);
    assert_int_equal(g.tensors.count, expected.tensors.count);
    for (int64_t i = 0; i < g.tensors.count; i++) {
        const ac_tensor *t = &g.items[i], *e = test_tensor(&expected.tensors, t->name);
        const int64_t n = ac_tensor_count(t);
        float *y = calloc((size_t) n, sizeof *y), *x = calloc((size_t) n, sizeof *x);
        assert_int_equal(t->rank, e->rank);
        assert_memory_equal(t->shape, e->shape, (size_t) t->rank * sizeof *t->shape);
        ac_tensor_read(e, x, 0, n);
        ac_tensor_read(t, y, 0, n);
        assert_memory_equal(y, x, (size_t) n * sizeof *y);
        for (int64_t at = 0; at < n; at += 7) { /* from anywhere, to anywhere */
            const int64_t some = n - at < 40 ? n - at : 40;
            ac_tensor_read(t, y, at, some);
            assert_memory_equal(y, x + at, (size_t) some * sizeof *y);
        }
        free(x);
        free(y);
    }
    ac_gguf_close(&g);
    ac_safetensors_close(&expected);
    free(path);
    free(wanted);
}

static void
blocks(void **state)
{
    char *path = golden_path("gguf/blocks/report.json");
    json_t *report;
    const char *type;
    const json_t *facts;

    (void) state;
    if (!path)
        skip();
    report = test_read_json(path);
    json_object_foreach(json_object_get(report, "types"), type, facts)
    {
        char lower[32];
        size_t n = 0;
        for (; type[n] && n + 1 < sizeof lower; n++)
            lower[n] =
                type[n] >= 'A' && type[n] <= 'Z' ? (char) (type[n] + 'a' - 'A') : type[n];
        lower[n] = '\0';
        check_block(lower);
    }
    json_decref(report);
    free(path);
}

/* ---- models ---- */

static void
check_prompt(test_causal *model, const ac_tensors *golden, size_t i, const json_t *one)
{
    const int64_t V = model->net.config.vocab_size;
    char name[64];
    int64_t n;
    int32_t *ids = test_ids(json_object_get(one, "prompt"), &n);

    snprintf(name, sizeof name, "prompt%zu.logits", i);
    assert_int_equal(ac_tensor_count(test_tensor(golden, name)), n * V);
    for (int64_t together = 1; together <= n; together += n > 1 ? n - 1 : 1) {
        float *logits = test_causal_logits(model, ids, n, together);
        test_assert_close(name, logits, test_floats(golden, name), n * V, 2e-4);
        free(logits);
    }
    free(ids);
}

static void
check_greedy(test_causal *model, const json_t *prompt, const json_t *greedy)
{
    ac_generation_config c;
    int64_t n;
    int32_t *ids = test_ids(prompt, &n);
    json_t *expected = json_pack("[O]", greedy);

    ac_generation_config_defaults(&c, -1, -1);
    c.max_new_tokens = (int64_t) json_array_size(greedy);
    test_causal_generates(model, &c, ids, n, expected, NULL, "greedy");
    json_decref(expected);
    free(ids);
}

static void
check_file(const json_t *file)
{
    const char *name = json_string_value(json_object_get(file, "file"));
    char full[128], *path, *wanted;
    ac_gguf g;
    ac_safetensors golden;
    ac_causal_config config;
    test_causal model = { 0 };
    const json_t *one;
    size_t i;

    snprintf(full, sizeof full, "gguf/models/%s", name);
    path = golden_path(full);
    snprintf(full, sizeof full, "gguf/models/%.*s_expected.safetensors",
             (int) (strlen(name) - strlen(".gguf")), name);
    wanted = golden_path(full);
    assert_non_null(path);
    assert_non_null(wanted);
    assert_int_equal(ac_gguf_open(&g, path), AC_OK);
    assert_int_equal(ac_safetensors_open(&golden, wanted), AC_OK);
    if (ac_gguf_config_load(&config, &g) != AC_OK)
        fail_msg("%s", ac_error_message());
    test_causal_init(&model, &config, &g.tensors,
                     (ac_compute){ AC_BACKEND_NATIVE, AC_PRECISION_FP32 });
    json_array_foreach(json_object_get(file, "cases"), i, one)
    {
        check_prompt(&model, &golden.tensors, i, one);
        check_greedy(&model, json_object_get(one, "prompt"), json_object_get(one, "greedy"));
    }
    assert_true(i > 0);
    json_array_foreach(json_object_get(file, "texts"), i, one)
        check_greedy(&model, json_object_get(one, "ids"), json_object_get(one, "greedy"));
    test_causal_free(&model);
    ac_gguf_close(&g);
    ac_safetensors_close(&golden);
    free(path);
    free(wanted);
}

static void
models(void **state)
{
    char *path = golden_path("gguf/models/models.json");
    json_t *list;
    const json_t *file;
    size_t i;

    (void) state;
    if (!path)
        skip();
    list = test_read_json(path);
    json_array_foreach(json_object_get(list, "files"), i, file) check_file(file);
    assert_true(i > 0);
    json_decref(list);
    free(path);
}

/* ---- malformed files ---- */

/* Container, model: whatever a reader up to this level says. */
static ac_status
read_to(const char *path, bool is_model)
{
    const ac_compute compute = { AC_BACKEND_NATIVE, AC_PRECISION_FP32 };
    ac_gguf g;
    ac_causal_config config;
    ac_causal net = { 0 };
    void *packed = NULL;
    size_t bytes;
    ac_status st = ac_gguf_open(&g, path);

    if (st != AC_OK || !is_model) {
        ac_gguf_close(&g);
        return st;
    }
    AC_TRY(ac_gguf_config_load(&config, &g));
    AC_TRY(ac_causal_check(&config, &g.tensors, &compute, &bytes));
    AC_TRY(ac_alloc_aligned(&packed, (int64_t) bytes, 1));
    st = ac_causal_init(&net, &config, &g.tensors, &compute, packed, true);
out:
    ac_causal_free(&net);
    ac_gguf_close(&g);
    free(packed);
    return st;
}

static void
malformed(void **state)
{
    char *list = golden_path("gguf/malformed/expected.json");
    json_t *expected;
    const char *file;
    const json_t *facts;
    int refused = 0;

    (void) state;
    if (!list)
        skip();
    expected = test_read_json(list);
    json_object_foreach(json_object_get(expected, "files"), file, facts)
    {
        const char *verdict = json_string_value(json_object_get(facts, "verdict")),
                   *level = json_string_value(json_object_get(facts, "level"));
        char name[128], *path;
        ac_status st;
        snprintf(name, sizeof name, "gguf/malformed/%s", file);
        path = golden_path(name);
        if (strcmp(level, "tokenizer") == 0) { /* tokenizers: test_gguf_tokenizer.c */
            free(path);
            continue;
        }
        st = read_to(path, strcmp(level, "model") == 0);
        if (strcmp(verdict, "either") != 0 && (st == AC_OK) != (strcmp(verdict, "ok") == 0))
            fail_msg("%s: %s", file, st == AC_OK ? "was read" : ac_error_message());
        if (st != AC_OK && (st != AC_E_FORMAT || !strstr(ac_error_message(), file)))
            fail_msg("%s: status %d, %s", file, (int) st, ac_error_message());
        refused += st != AC_OK;
        free(path);
    }
    assert_true(refused > 0);
    json_decref(expected);
    free(list);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(blocks), cmocka_unit_test(models),
                                        cmocka_unit_test(malformed) };

    ac_compute_init(2);
    return golden_result(cmocka_run_group_tests(tests, NULL, NULL));
}
