/* AC_TEST_LABELS: long */
/* SmolLM2-135M-Instruct (Q4_1), the real model, which is not part of the repository: the file
 * that $AC_SMOLLM2 names, or models/smollm2/…gguf, where ./bootstrap.sh story has put it.
 * Without it the test is skipped. Tolerances: golden/smollm2/README.md (logits 1e-3, losses
 * 1e-4 per token, tokens and texts equal). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/kernels/activation.h"
#include "engine/text/unicode.h"
#include "io/checkpoint/gguf_config.h"
#include "io/checkpoint/gguf_tokenizer.h"
#include "tests/support/causal.h"
#include "tests/support/golden.h"

typedef struct fixture {
    ac_gguf file;
    ac_causal_config config;
    ac_tokenizer tokenizer;
    test_causal model;
    ac_encoding encoding;
    ac_buffer bytes, text;
} fixture;

static const char *
model_path(void)
{
    const char *given = getenv("AC_SMOLLM2");

    return given ? given : AC_SOURCE_DIR "/models/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";
}

static int
set_up(void **state)
{
    static fixture f;
    int32_t begin;

    if (access(model_path(), R_OK) != 0)
        return 0;
    if (ac_gguf_open(&f.file, model_path()) != AC_OK ||
        ac_gguf_config_load(&f.config, &f.file) != AC_OK ||
        ac_gguf_tokenizer_open(&f.tokenizer, &f.file, f.config.vocab_size, &begin) != AC_OK)
        fail_msg("%s", ac_error_message());
    assert_int_equal(begin, -1);
    test_causal_init(&f.model, &f.config, &f.file.tensors,
                     (ac_compute){ AC_BACKEND_NATIVE, AC_PRECISION_FP32 });
    *state = &f;
    return 0;
}

static int
tear_down(void **state)
{
    fixture *f = *state;

    if (f) {
        test_causal_free(&f->model);
        ac_tokenizer_free(&f->tokenizer);
        ac_encoding_free(&f->encoding);
        ac_buffer_free(&f->bytes);
        ac_buffer_free(&f->text);
        ac_gguf_close(&f->file);
    }
    return 0;
}

/* The rows of a golden file; skips where there is no model or no file. */
static json_t *
rows_of(fixture *f, const char *name)
{
    char *path = f ? golden_path(name) : NULL;
    json_t *rows;

    if (!path)
        skip();
    rows = strstr(name, ".jsonl") ? test_read_jsonl(path) : test_read_json(path);
    free(path);
    return rows;
}

static void
check_text(fixture *f, const int32_t *ids, int64_t n, bool skip_control, const json_t *expected)
{
    ac_buffer_reset(&f->bytes);
    ac_buffer_reset(&f->text);
    ac_buffer_push(&f->text, "", 0);
    assert_int_equal(ac_tokenizer_bytes(&f->tokenizer, ids, n, skip_control, &f->bytes), AC_OK);
    assert_int_equal(
        ac_utf8_replace(&f->text, f->bytes.data ? f->bytes.data : "", f->bytes.size), AC_OK);
    assert_int_equal(f->text.size, json_string_length(expected));
    if (f->text.size)
        assert_memory_equal(f->text.data, json_string_value(expected), f->text.size);
}

static void
texts_to_ids_and_back(void **state)
{
    fixture *f = *state;
    json_t *rows = rows_of(f, "smollm2/tokenizer_cases.jsonl");
    const json_t *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        const json_t *text = json_object_get(row, "text"),
                     *decoded = json_object_get(row, "decoded"),
                     *skipped = json_object_get(row, "decoded_skip_special");
        int64_t n;
        int32_t *ids = test_ids(json_object_get(row, "ids"), &n);
        assert_int_equal(ac_tokenizer_encode(&f->tokenizer, json_string_value(text),
                                             json_string_length(text), 0, true, &f->encoding),
                         AC_OK);
        assert_int_equal(f->encoding.count, n);
        assert_memory_equal(f->encoding.ids, ids, (size_t) n * sizeof *ids);
        check_text(f, ids, n, false, decoded ? decoded : text);
        check_text(f, ids, n, true, skipped ? skipped : decoded ? decoded : text);
        free(ids);
    }
    assert_true(i > 0);
    json_decref(rows);
}

static void
ids_to_texts(void **state)
{
    fixture *f = *state;
    json_t *rows = rows_of(f, "smollm2/decode_cases.jsonl");
    const json_t *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        int64_t n;
        int32_t *ids = test_ids(json_object_get(row, "ids"), &n);
        check_text(f, ids, n, false, json_object_get(row, "text"));
        check_text(f, ids, n, true, json_object_get(row, "text_skip_special"));
        free(ids);
    }
    assert_true(i > 0);
    json_decref(rows);
}

static void
continuations(void **state)
{
    fixture *f = *state;
    json_t *rows = rows_of(f, "smollm2/continuations.jsonl");
    const json_t *row, *pair;
    size_t i, k;

    json_array_foreach(rows, i, row)
    {
        const json_t *greedy = json_object_get(row, "greedy"),
                     *text = json_object_get(row, "text");
        const int64_t V = f->config.vocab_size;
        json_t *expected = json_pack("[O]", greedy);
        ac_generation_config c;
        int64_t n;
        int32_t *ids = test_ids(json_object_get(row, "ids"), &n);
        float *logits = test_causal_logits(&f->model, ids, n, n), *last = logits + (n - 1) * V;
        assert_int_equal(ac_tokenizer_encode(&f->tokenizer, json_string_value(text),
                                             json_string_length(text), 0, true, &f->encoding),
                         AC_OK);
        assert_int_equal(f->encoding.count, n);
        assert_memory_equal(f->encoding.ids, ids, (size_t) n * sizeof *ids);
        json_array_foreach(json_object_get(row, "top10"), k, pair)
        {
            const float wanted = (float) json_number_value(json_array_get(pair, 1));
            test_assert_close("top 10", &last[json_integer_value(json_array_get(pair, 0))],
                              &wanted, 1, 1e-3);
        }
        assert_true(fabs((double) ac_log_sum_exp(last, V) -
                         json_number_value(json_object_get(row, "log_sum_exp"))) < 1e-3);
        ac_generation_config_defaults(&c, -1, -1);
        c.max_new_tokens = (int64_t) json_array_size(greedy);
        test_causal_generates(&f->model, &c, ids, n, expected, NULL, "greedy");
        json_decref(expected);
        free(logits);
        free(ids);
    }
    assert_true(i > 0);
    json_decref(rows);
}

static void
losses(void **state)
{
    fixture *f = *state;
    json_t *rows = rows_of(f, "smollm2/losses.json");
    const json_t *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        const int64_t V = f->config.vocab_size;
        int64_t n;
        int32_t *ids = test_ids(json_object_get(row, "ids"), &n);
        float *logits = test_causal_logits(&f->model, ids, n, 16);
        for (int64_t t = 0; t + 1 < n; t++) {
            const double wanted =
                json_number_value(json_array_get(json_object_get(row, "nll"), (size_t) t));
            const float got = -ac_log_softmax_at(logits + t * V, V, ids[t + 1]);
            assert_true(fabs((double) got - wanted) < 1e-4);
        }
        free(logits);
        free(ids);
    }
    assert_true(i > 0);
    json_decref(rows);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(texts_to_ids_and_back),
                                        cmocka_unit_test(ids_to_texts),
                                        cmocka_unit_test(continuations),
                                        cmocka_unit_test(losses) };

    if (access(model_path(), R_OK) != 0) {
        fprintf(stderr, "no model: %s (./bootstrap.sh story fetches it)\n", model_path());
        return 77;
    }
    ac_compute_init(2);
    return golden_result(cmocka_run_group_tests(tests, set_up, tear_down));
}
