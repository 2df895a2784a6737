/* tokenizer.json as transformers 5 saves it: ids and texts against tokenizers 0.23 (golden
 * topic tokenizer_json): equality. Files with one thing changed are right or refused by name,
 * never taken without effect; damaged files are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/checkpoint/tokenizer_files.h"
#include "tests/support/golden.h"

static bool
same_ids(const ac_encoding *e, const json_t *ids)
{
    if ((size_t) e->count != json_array_size(ids))
        return false;
    for (int64_t i = 0; i < e->count; i++)
        if (e->ids[i] != json_integer_value(json_array_get(ids, (size_t) i)))
            return false;
    return true;
}

static void
print_case(const char *name, const char *what, const json_t *row)
{
    char *dump = json_dumps(row, JSON_COMPACT);

    print_error("%s: %s: %.300s\n", name, what, dump);
    free(dump);
}

/* 1: the ids are not those of the row's key; 0: they are, or the row has no such key. */
static int
differs(const ac_tokenizer *t, const json_t *row, const char *key, bool specials,
        const char *name)
{
    const json_t *text = json_object_get(row, "text"), *ids = json_object_get(row, key);
    ac_encoding e = { 0 };
    int different = 0;

    if (!ids)
        return 0;
    if (ac_tokenizer_encode(t, json_string_value(text), json_string_length(text), 0, specials,
                            &e) != AC_OK)
        fail_msg("%s: %s", name, ac_error_message());
    if (!same_ids(&e, ids)) {
        different = 1;
        print_case(name, key, row);
    }
    ac_encoding_free(&e);
    return different;
}

/* The same for the text of the row's ids. */
static int
decodes_otherwise(const ac_tokenizer *t, const json_t *row, const char *key, bool skip_special,
                  const char *name)
{
    const json_t *expected = json_object_get(row, key), *ids = json_object_get(row, "ids");
    const size_t n = json_array_size(ids);
    int32_t *packed = calloc(n + 1, sizeof *packed);
    ac_buffer text = { 0 };
    int different = 0;
    ac_status st;

    assert_non_null(packed);
    for (size_t i = 0; i < n; i++)
        packed[i] = (int32_t) json_integer_value(json_array_get(ids, i));
    st = skip_special ? ac_tokenizer_decode(t, packed, (int64_t) n, false, &text)
                      : ac_text_pipeline_decode(&t->pipeline, &t->bpe, packed, (int64_t) n,
                                                false, &text);
    if (st != AC_OK)
        fail_msg("%s: %s", name, ac_error_message());
    if (expected &&
        (text.size != json_string_length(expected) ||
         memcmp(text.data ? text.data : "", json_string_value(expected), text.size) != 0)) {
        different = 1;
        print_case(name, key, row);
        print_error("    but \"%s\"\n", text.data ? text.data : "");
    }
    ac_buffer_free(&text);
    free(packed);
    return different;
}

static void
open_or_fail(ac_tokenizer *t, const char *folder, const char *file, int kind)
{
    char fingerprint[33];

    if (ac_tokenizer_open(t, folder, file, kind, fingerprint) != AC_OK)
        fail_msg("%s", ac_error_message());
    assert_int_equal(strlen(fingerprint), 32);
}

/* ---- what transformers saves ---- */

/* A folder of the topic, encoded and decoded; its kind follows from the file alone. */
static void
check_folder(const char *name, ac_tokenizer_kind kind)
{
    char relative[100], *folder, *cases, *decode;
    ac_tokenizer t = { 0 };
    json_t *rows;
    const json_t *row;
    size_t i;
    int different = 0;

    snprintf(relative, sizeof relative, "tokenizer_json/%s", name);
    folder = golden_path(relative);
    snprintf(relative, sizeof relative, "tokenizer_json/%s/cases.jsonl", name);
    cases = golden_path(relative);
    snprintf(relative, sizeof relative, "tokenizer_json/%s/decode.jsonl", name);
    decode = golden_path(relative);
    if (!folder || !cases || !decode) {
        free(folder);
        free(cases);
        free(decode);
        skip();
    }
    open_or_fail(&t, folder, NULL, AC_TOKENIZER_ANY);
    assert_int_equal(t.kind, kind);
    rows = test_read_jsonl(cases);
    assert_true(json_array_size(rows) > 0);
    json_array_foreach(rows, i, row)
    {
        const bool openai = json_object_get(row, "ids_openai") != NULL;
        different += differs(&t, row, openai ? "ids_openai" : "ids", true, name);
        if (!openai)
            different += differs(&t, row, "ids_no_specials", false, name);
    }
    json_decref(rows);
    rows = test_read_jsonl(decode);
    assert_true(json_array_size(rows) > 0);
    json_array_foreach(rows, i, row)
    {
        different += decodes_otherwise(&t, row, "text_skip_special", true, name);
        if (t.has_steps)
            different += decodes_otherwise(&t, row, "text", false, name);
    }
    json_decref(rows);
    ac_tokenizer_free(&t);
    free(folder);
    free(cases);
    free(decode);
    assert_int_equal(different, 0);
}

static void
clip(void **state)
{
    (void) state;
    check_folder("clip", AC_TOKENIZER_CLIP);
}

static void
bart(void **state)
{
    (void) state;
    check_folder("bart", AC_TOKENIZER_BART);
}

static void
gpt2(void **state)
{
    (void) state;
    check_folder("gpt2", AC_TOKENIZER_GPT2);
}

static void
smollm(void **state)
{
    (void) state;
    check_folder("smollm", AC_TOKENIZER_LLAMA);
}

static void
llama3(void **state)
{
    (void) state;
    check_folder("llama3", AC_TOKENIZER_LLAMA);
}

static void
qwen2(void **state)
{
    (void) state;
    check_folder("qwen2", AC_TOKENIZER_LLAMA);
}

static void
llama2(void **state)
{
    (void) state;
    check_folder("llama2", AC_TOKENIZER_LLAMA);
}

/* ---- one thing changed ---- */

static int
check_variant(const char *name, const char *path, const json_t *expected)
{
    const bool must = strcmp(json_string_value(json_object_get(expected, "need")), "must") == 0;
    ac_tokenizer t = { 0 };
    char fingerprint[33];
    const json_t *row;
    size_t i;
    int different = 0;

    if (ac_tokenizer_open(&t, "/nowhere", path, AC_TOKENIZER_ANY, fingerprint) != AC_OK) {
        print_error("%s\n", ac_error_message());
        return must || !strstr(ac_error_message(), path);
    }
    json_array_foreach(json_object_get(expected, "cases"), i, row)
    {
        different += differs(&t, row, "ids", true, name);
        different += differs(&t, row, "ids_no_specials", false, name);
        different += decodes_otherwise(&t, row, "decoded", false, name);
        different += decodes_otherwise(&t, row, "decoded_skip_special", true, name);
    }
    assert_true(i > 0);
    ac_tokenizer_free(&t);
    return different;
}

static void
variants(void **state)
{
    char *folder = golden_path("tokenizer_json/variants"),
         *list = golden_path("tokenizer_json/variants/expected.json");
    json_t *all, *one;
    const char *name;
    int different = 0, files = 0;

    (void) state;
    if (!folder || !list)
        skip();
    all = test_read_json(list);
    json_object_foreach(json_object_get(all, "files"), name, one)
    {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, name);
        different += check_variant(name, path, one);
        files++;
    }
    print_message("%d files, %d different\n", files, different);
    assert_true(files > 0);
    assert_int_equal(different, 0);
    json_decref(all);
    free(folder);
    free(list);
}

/* ---- damaged ---- */

static void
check_malformed(const char *path, bool must_fail)
{
    ac_tokenizer t = { 0 };
    ac_encoding e = { 0 };
    char fingerprint[33];
    const ac_status st = ac_tokenizer_open(&t, "/nowhere", path, AC_TOKENIZER_ANY, fingerprint);

    if (st == AC_OK) {
        if (must_fail)
            fail_msg("%s: taken, but it must be refused", path);
        if (ac_tokenizer_encode(&t, "a <new> cat", 11, 0, true, &e) != AC_OK)
            fail_msg("%s: %s", path, ac_error_message());
    } else {
        print_message("%s\n", strrchr(path, '/') + 1);
        print_message("    %s\n", ac_error_message() + strlen(path));
        if (strncmp(ac_error_message(), path, strlen(path)) != 0)
            fail_msg("%s is not named: %s", path, ac_error_message());
        assert_int_equal(st, AC_E_FORMAT);
    }
    ac_encoding_free(&e);
    ac_tokenizer_free(&t);
}

static void
malformed(void **state)
{
    char *folder = golden_path("tokenizer_json/malformed"),
         *list = golden_path("tokenizer_json/malformed/expected.json");
    json_t *all, *one;
    const char *name;
    int files = 0;

    (void) state;
    if (!folder || !list)
        skip();
    all = test_read_json(list);
    json_object_foreach(json_object_get(all, "files"), name, one)
    {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, name);
        check_malformed(
            path, strcmp(json_string_value(json_object_get(one, "verdict")), "error") == 0);
        files++;
    }
    assert_true(files > 0);
    json_decref(all);
    free(folder);
    free(list);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clip),   cmocka_unit_test(bart),     cmocka_unit_test(gpt2),
        cmocka_unit_test(smollm), cmocka_unit_test(llama3),   cmocka_unit_test(qwen2),
        cmocka_unit_test(llama2), cmocka_unit_test(variants), cmocka_unit_test(malformed),
    };

    return golden_result(cmocka_run_group_tests(tests, NULL, NULL));
}
