/* The tokenizers of GGUF files: texts to ids and back, and what is wrong with one refused.
 * Facts: golden/gguf/README.md. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/text/unicode.h"
#include "io/checkpoint/gguf_config.h"
#include "io/checkpoint/gguf_tokenizer.h"
#include "jobs/models/causal_model.h"
#include "tests/support/causal.h"
#include "tests/support/golden.h"

typedef struct fixture {
    ac_gguf file;
    ac_tokenizer tokenizer;
    int32_t bos;
    ac_encoding encoding;
    ac_buffer bytes, text;
} fixture;

static ac_status
open_file(fixture *f, const char *path)
{
    ac_causal_config config;
    ac_status st;

    *f = (fixture){ 0 };
    st = ac_gguf_open(&f->file, path);
    if (st == AC_OK)
        st = ac_gguf_config_load(&config, &f->file);
    if (st == AC_OK)
        st = ac_gguf_tokenizer_open(&f->tokenizer, &f->file, config.vocab_size, &f->bos);
    return st;
}

static void
close_file(fixture *f)
{
    ac_tokenizer_free(&f->tokenizer);
    ac_encoding_free(&f->encoding);
    ac_buffer_free(&f->bytes);
    ac_buffer_free(&f->text);
    ac_gguf_close(&f->file);
}

static void
check_ids(fixture *f, const json_t *text, const json_t *ids)
{
    if (ac_tokenizer_encode(&f->tokenizer, json_string_value(text), json_string_length(text), 0,
                            true, &f->encoding) != AC_OK)
        fail_msg("%s", ac_error_message());
    for (int64_t i = 0; i < f->encoding.count; i++)
        if (f->encoding.ids[i] != json_integer_value(json_array_get(ids, (size_t) i)))
            fail_msg("\"%s\": id %lld is %d", json_string_value(text), (long long) i,
                     f->encoding.ids[i]);
    assert_int_equal(f->encoding.count, json_array_size(ids));
}

static void
check_text(fixture *f, const json_t *list, bool skip, const json_t *expected)
{
    int64_t n;
    int32_t *ids = test_ids(list, &n);

    ac_buffer_reset(&f->bytes);
    ac_buffer_reset(&f->text);
    ac_buffer_push(&f->text, "", 0);
    assert_int_equal(ac_tokenizer_bytes(&f->tokenizer, ids, n, skip, &f->bytes), AC_OK);
    assert_int_equal(
        ac_utf8_replace(&f->text, f->bytes.data ? f->bytes.data : "", f->bytes.size), AC_OK);
    assert_int_equal(f->text.size, json_string_length(expected));
    if (f->text.size)
        assert_memory_equal(f->text.data, json_string_value(expected), f->text.size);
    free(ids);
}

static void
check_file(const char *list)
{
    char *path = golden_path(list), *model, name[128];
    json_t *facts;
    const json_t *row, *bos;
    fixture f;
    size_t i;

    if (!path)
        skip();
    facts = test_read_json(path);
    snprintf(name, sizeof name, "gguf/models/%s",
             json_string_value(json_object_get(facts, "file")));
    model = golden_path(name);
    if (open_file(&f, model) != AC_OK)
        fail_msg("%s", ac_error_message());
    bos = json_object_get(facts, "bos_added_before");
    assert_int_equal(f.bos, json_is_integer(bos) ? json_integer_value(bos) : -1);
    json_array_foreach(json_object_get(facts, "rows"), i, row)
    {
        const json_t *ids = json_object_get(row, "ids");
        check_ids(&f, json_object_get(row, "text"), ids);
        check_text(&f, ids, false, json_object_get(row, "decoded"));
        check_text(&f, ids, true, json_object_get(row, "decoded_skip_special"));
    }
    assert_true(i > 0);
    close_file(&f);
    json_decref(facts);
    free(path);
    free(model);
}

static void
ways_to_split(void **state)
{
    (void) state;
    check_file("gguf/models/tokenizer_gpt2.json");
    check_file("gguf/models/tokenizer_smollm.json");
    check_file("gguf/models/tokenizer_llama3.json");
    check_file("gguf/models/tokenizer_qwen2.json");
}

/* The texts of the models' own cases. */
static void
models(void **state)
{
    char *path = golden_path("gguf/models/models.json");
    json_t *list;
    const json_t *file, *text;
    size_t i, k;

    (void) state;
    if (!path)
        skip();
    list = test_read_json(path);
    json_array_foreach(json_object_get(list, "files"), i, file)
    {
        char name[128], *model;
        fixture f;
        snprintf(name, sizeof name, "gguf/models/%s",
                 json_string_value(json_object_get(file, "file")));
        model = golden_path(name);
        if (open_file(&f, model) != AC_OK)
            fail_msg("%s", ac_error_message());
        json_array_foreach(json_object_get(file, "texts"), k, text)
        {
            check_ids(&f, json_object_get(text, "text"), json_object_get(text, "ids"));
            check_text(&f, json_object_get(text, "greedy"), true,
                       json_object_get(text, "greedy_text"));
        }
        close_file(&f);
        free(model);
    }
    json_decref(list);
    free(path);
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
        fixture f;
        ac_status st;
        if (strcmp(level, "tokenizer") != 0)
            continue;
        snprintf(name, sizeof name, "gguf/malformed/%s", file);
        path = golden_path(name);
        st = open_file(&f, path);
        if (strcmp(verdict, "either") != 0 && (st == AC_OK) != (strcmp(verdict, "ok") == 0))
            fail_msg("%s: %s", file, st == AC_OK ? "was read" : ac_error_message());
        if (st != AC_OK && (st != AC_E_FORMAT || !strstr(ac_error_message(), file)))
            fail_msg("%s: status %d, %s", file, (int) st, ac_error_message());
        refused += st != AC_OK;
        close_file(&f);
        free(path);
    }
    assert_true(refused > 0);
    json_decref(expected);
    free(list);
}

/* A character that is not finished at the end is left out; a byte that belongs to none is not.
 */
static void
unfinished_characters(void **state)
{
    static const char word[] = "na\xc3\xafve \xf0\x9f\x98\x80";
    char *path = golden_path("gguf/models/llama-f16.gguf");
    ac_causal_model model;
    ac_encoding ids = { 0 };
    ac_buffer text = { 0 }, ended = { 0 };
    int32_t with_end[sizeof word + 1];
    int unfinished = 0;

    (void) state;
    if (!path)
        skip();
    if (ac_causal_model_open(
            &model, &(ac_causal_options){ .model = path, .need_tokenizer = true }) != AC_OK)
        fail_msg("%s", ac_error_message());
    assert_int_equal(ac_causal_model_encode(&model, word, sizeof word - 1, &ids), AC_OK);
    for (int64_t n = 0; n <= ids.count; n++) { /* every beginning is valid UTF-8, and grows */
        const size_t before = text.size;
        assert_int_equal(ac_causal_model_decode(&model, ids.ids, n, &text), AC_OK);
        assert_int_equal(ac_utf8_check(text.data, text.size), AC_OK);
        assert_memory_equal(text.data, word, text.size);
        unfinished += n > 0 && text.size == before;
        memcpy(with_end, ids.ids, (size_t) n * sizeof *with_end);
        with_end[n] = model.generation.eos_token_ids[0];
        assert_int_equal(ac_causal_model_decode(&model, with_end, n + 1, &ended), AC_OK);
        assert_string_equal(ended.data, text.data);
    }
    assert_int_equal(text.size, sizeof word - 1);
    assert_true(unfinished > 0);
    /* the last byte of the last character alone */
    assert_int_equal(ac_causal_model_decode(&model, ids.ids + ids.count - 1, 1, &text), AC_OK);
    assert_string_equal(text.data, "\xef\xbf\xbd");
    ac_causal_model_free(&model);
    ac_encoding_free(&ids);
    ac_buffer_free(&text);
    ac_buffer_free(&ended);
    free(path);
}

/* With little memory for keys and values fewer sequences are computed at once: within it, and
 * the same ones. With too little for one text nothing is generated. */
static void
bounded_memory(void **state)
{
    enum { TEXTS = 9, LENGTH = 5 };
    char *path = golden_path("gguf/models/llama-f16.gguf");
    ac_causal_model model;
    ac_generated much = { 0 }, little = { 0 };
    ac_generation_config c;
    int32_t ids[TEXTS * LENGTH];
    int64_t offsets[TEXTS + 1], token;
    uint64_t streams[TEXTS];

    (void) state;
    if (!path)
        skip();
    if (ac_causal_model_open(&model, &(ac_causal_options){ .model = path }) != AC_OK)
        fail_msg("%s", ac_error_message());
    for (int64_t i = 0; i <= TEXTS; i++)
        offsets[i] = LENGTH * i;
    for (int i = 0; i < TEXTS * LENGTH; i++)
        ids[i] = i % LENGTH < 2 ? 7 : 3 + 11 * i % 300;
    for (int i = 0; i < TEXTS; i++)
        streams[i] = (uint64_t) i;
    ac_generation_config_defaults(&c, -1, -1);
    c.do_sample = true;
    c.num_return_sequences = 3;
    c.max_new_tokens = 8;
    assert_int_equal(ac_causal_model_set_generation(&model, &c), AC_OK);
    token = 2 * model.net.config.layers * model.net.config.key_heads *
            model.net.config.head_size * (int64_t) sizeof(float);
    assert_int_equal(ac_causal_model_generate(&model, ids, offsets, streams, TEXTS, &much),
                     AC_OK);
    assert_int_equal(model.generator.state.capacity.slots, TEXTS * 3);
    ac_generator_free(&model.generator);
    model.cache_bytes = 5 * token * (LENGTH + 8);
    assert_int_equal(ac_causal_model_generate(&model, ids, offsets, streams, TEXTS, &little),
                     AC_OK);
    assert_true(model.generator.state.capacity.slots *
                    model.generator.state.capacity.positions * token <=
                model.cache_bytes);
    for (int64_t i = 0; i < TEXTS * 3; i++) {
        const ac_candidate a = ac_generated_at(&much, i / 3, i % 3),
                           b = ac_generated_at(&little, i / 3, i % 3);
        assert_int_equal(a.count, b.count);
        assert_memory_equal(a.ids, b.ids, (size_t) a.count * sizeof *a.ids);
    }
    model.cache_bytes = token * (LENGTH + 8);
    assert_int_equal(ac_causal_model_generate(&model, ids, offsets, streams, TEXTS, &little),
                     AC_E_LIMIT);
    ac_causal_model_free(&model);
    ac_generated_free(&much);
    ac_generated_free(&little);
    free(path);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(ways_to_split),
                                        cmocka_unit_test(models), cmocka_unit_test(malformed),
                                        cmocka_unit_test(unfinished_characters),
                                        cmocka_unit_test(bounded_memory) };

    return golden_result(cmocka_run_group_tests(tests, NULL, NULL));
}
