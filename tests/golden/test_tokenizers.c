/* The tokenizers' ids and texts, against the Python implementations: equality. The demo's
 * vocabularies and the real ones. */
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

/* The golden folder that holds this vocabulary's files; NULL: not here. */
static char *
vocabulary_folder(const char *name)
{
    char file[100], *path;

    snprintf(file, sizeof file, "%s/vocab.json", name);
    path = golden_path(file);
    if (!path)
        return NULL;
    free(path);
    return golden_path(name);
}

static void
open_tokenizer(ac_tokenizer *t, const char *folder, int kind)
{
    char fingerprint[33];

    if (ac_tokenizer_open(t, folder, NULL, kind, fingerprint) != AC_OK)
        fail_msg("%s", ac_error_message());
    assert_int_equal(strlen(fingerprint), 32);
}

/* How many ids the cases were truncated to: as many as those have that were longer. */
static int64_t
context_of(const json_t *lines, const char *key)
{
    const json_t *line;
    size_t i;
    int64_t context = 0;

    json_array_foreach(lines, i, line)
    {
        const int64_t length = json_integer_value(json_object_get(line, "length"));
        const int64_t n = (int64_t) json_array_size(json_object_get(line, key));
        if (json_object_get(line, key) && length > n)
            return n;
        context = length > context ? length : context;
    }
    return context;
}

static void
check_encode(const char *folder_name, const char *cases_name, int kind, const char *key)
{
    char *folder = vocabulary_folder(folder_name), *cases = golden_path(cases_name);
    ac_tokenizer t;
    ac_encoding e = { 0 };
    json_t *lines, *line;
    size_t i;
    int64_t context;
    int equal = 0, different = 0;

    if (!folder || !cases) {
        free(folder);
        free(cases);
        skip();
    }
    open_tokenizer(&t, folder, kind);
    lines = test_read_jsonl(cases);
    context = context_of(lines, key);
    json_array_foreach(lines, i, line)
    {
        const json_t *text = json_object_get(line, "text"),
                     *length = json_object_get(line, "length");
        if (!json_object_get(line, key))
            continue;
        if (ac_tokenizer_encode(&t, json_string_value(text), json_string_length(text), context,
                                true, &e) != AC_OK)
            fail_msg("%s:%zu: %s", cases, i + 1, ac_error_message());
        if (same_ids(&e, json_object_get(line, key)) &&
            (kind == AC_TOKENIZER_GPT2 || e.length == json_integer_value(length))) {
            equal++;
        } else if (different++ < 10) {
            char *dump = json_dumps(line, JSON_COMPACT);
            print_error("%s:%zu: %.300s\n", cases, i + 1, dump);
            free(dump);
        }
    }
    print_message("%s: %d equal, %d different\n", cases_name, equal, different);
    assert_int_equal(different, 0);
    assert_true(equal > 0);
    json_decref(lines);
    ac_encoding_free(&e);
    ac_tokenizer_free(&t);
    free(folder);
    free(cases);
}

static void
check_decode(const char *folder_name, const char *cases_name)
{
    char *folder = vocabulary_folder(folder_name), *cases = golden_path(cases_name);
    ac_tokenizer t;
    ac_buffer text = { 0 };
    json_t *lines, *line;
    size_t i;

    if (!folder || !cases) {
        free(folder);
        free(cases);
        skip();
    }
    open_tokenizer(&t, folder, AC_TOKENIZER_BART);
    lines = test_read_jsonl(cases);
    assert_true(json_array_size(lines) > 0);
    json_array_foreach(lines, i, line)
    {
        const json_t *ids = json_object_get(line, "ids");
        int32_t *packed = calloc(json_array_size(ids) + 1, sizeof *packed);
        for (size_t k = 0; k < json_array_size(ids); k++)
            packed[k] = (int32_t) json_integer_value(json_array_get(ids, k));
        for (int clean = 0; clean < 2; clean++) {
            const json_t *expected = json_object_get(line, clean ? "text_cleaned" : "text");
            ac_buffer_reset(&text);
            assert_int_equal(
                ac_tokenizer_decode(&t, packed, (int64_t) json_array_size(ids), clean, &text),
                AC_OK);
            if (text.size != json_string_length(expected) ||
                memcmp(text.data ? text.data : "", json_string_value(expected), text.size) != 0)
                fail_msg("%s:%zu: \"%s\", expected \"%s\"", cases, i + 1, text.data,
                         json_string_value(expected));
        }
        free(packed);
    }
    json_decref(lines);
    ac_buffer_free(&text);
    ac_tokenizer_free(&t);
    free(folder);
    free(cases);
}

static void
clip_demo(void **state)
{
    (void) state;
    check_encode("clip_tokenizer/demo", "clip_tokenizer/demo_cases.jsonl", AC_TOKENIZER_CLIP,
                 "ids");
    check_encode("clip_tokenizer/demo", "clip_tokenizer/demo_cases.jsonl", AC_TOKENIZER_CLIP,
                 "ids32");
}

static void
clip_real(void **state)
{
    (void) state;
    check_encode("clip_tokenizer", "clip_tokenizer/cases.jsonl", AC_TOKENIZER_CLIP, "ids");
}

/* Texts that were decoded with a wrong encoding, some more than once, some in part. */
static void
clip_mojibake(void **state)
{
    (void) state;
    check_encode("clip_tokenizer", "clip_tokenizer/mojibake_cases.jsonl", AC_TOKENIZER_CLIP,
                 "ids");
}

static void
bart_demo(void **state)
{
    (void) state;
    check_encode("bart_tokenizer/demo", "bart_tokenizer/demo_cases.jsonl", AC_TOKENIZER_BART,
                 "ids");
}

static void
bart_real(void **state)
{
    (void) state;
    check_encode("bart_tokenizer", "bart_tokenizer/cases.jsonl", AC_TOKENIZER_BART, "ids");
}

static void
bart_decode_demo(void **state)
{
    (void) state;
    check_decode("bart_tokenizer/demo", "bart_tokenizer/demo_decode.jsonl");
}

static void
bart_decode_real(void **state)
{
    (void) state;
    check_decode("bart_tokenizer", "bart_tokenizer/decode.jsonl");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clip_demo),        cmocka_unit_test(clip_real),
        cmocka_unit_test(clip_mojibake),    cmocka_unit_test(bart_demo),
        cmocka_unit_test(bart_real),        cmocka_unit_test(bart_decode_demo),
        cmocka_unit_test(bart_decode_real),
    };

    return golden_result(cmocka_run_group_tests(tests, NULL, NULL));
}
