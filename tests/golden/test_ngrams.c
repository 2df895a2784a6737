/* Mined entries against NLTK's: texts, order and counts equal, PMI within 1e-12 relative (the
 * data gives 15 digits), each setting with plenty of memory and with so little that counts are
 * spilled over and over, and in pieces of several sizes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache_builder/mining/mining.h"
#include "tests/support/golden.h"

static const char *const kind_names[AC_ENTRY_KINDS] = { "unigram", "bigram", "trigram",
                                                        "line" };

static bool
flag(const json_t *setting, const char *name)
{
    return json_is_true(json_object_get(setting, name));
}

static int64_t
number(const json_t *setting, const char *name)
{
    return json_integer_value(json_object_get(setting, name));
}

static void
check_digest(const ac_texts *entries, const char *prefix, const json_t *expected)
{
    ac_buffer all = { 0 };
    char hex[65];

    for (int64_t i = 0; i < entries->count; i++) {
        ac_buffer_push_text(&all, prefix);
        ac_buffer_push(&all, ac_texts_at(entries, i), ac_texts_size(entries, i));
        ac_buffer_push_char(&all, '\n');
    }
    assert_int_equal(all.status, AC_OK);
    test_sha256(hex, all.data, all.size);
    assert_string_equal(hex, json_string_value(expected));
    ac_buffer_free(&all);
}

/* The lines of the data stand in the same order; of the lines of text it holds only the first
 * ones. */
static void
check_entries(const ac_mined *mined, const char *path)
{
    json_t *rows = test_read_jsonl(path), *row;
    size_t r;
    int64_t i = 0;

    json_array_foreach(rows, r, row)
    {
        const char *kind = json_string_value(json_object_get(row, "kind"));
        const json_t *text = json_object_get(row, "text"), *pmi = json_object_get(row, "pmi");
        while (i < mined->entries.count && mined->kinds[i] == AC_ENTRY_LINE &&
               strcmp(kind, "line") != 0)
            i++;
        if (i == mined->entries.count)
            fail_msg("%s:%zu: there are only %lld entries", path, r + 1, (long long) i);
        if (strcmp(kind_names[mined->kinds[i]], kind) != 0 ||
            ac_texts_size(&mined->entries, i) != json_string_length(text) ||
            memcmp(ac_texts_at(&mined->entries, i), json_string_value(text),
                   json_string_length(text)) != 0)
            fail_msg("%s:%zu: \"%.*s\", expected \"%s\"", path, r + 1,
                     (int) ac_texts_size(&mined->entries, i), ac_texts_at(&mined->entries, i),
                     json_string_value(text));
        if (mined->counts[i] != number(row, "count"))
            fail_msg("%s:%zu: counted %lld times", path, r + 1, (long long) mined->counts[i]);
        if (pmi && !(fabs(mined->pmis[i] - json_number_value(pmi)) <=
                     1e-12 * fabs(json_number_value(pmi))))
            fail_msg("%s:%zu: PMI %.17g, expected %.17g", path, r + 1, mined->pmis[i],
                     json_number_value(pmi));
        i++;
    }
    json_decref(rows);
}

static void
check_setting(const char *name, const json_t *setting, const char *corpus, const char *scratch,
              int64_t memory, int64_t piece_bytes)
{
    char file[200], *path;
    ac_mining_options o = {
        .wanted = { true, true, true, flag(setting, "use_line") },
        .lower = flag(setting, "lower"),
        .cross_lines = flag(setting, "cross_lines"),
        .most = number(setting, "topk_ngrams"),
        .filter = number(setting, "filter"),
        .member_extension = "txt",
        .scratch = scratch,
        .memory = memory,
        .piece_bytes = piece_bytes,
    };
    ac_mined mined = { 0 };
    ac_mining_report report;

    if (ac_mine(&mined, &report, &corpus, 1, &o) != AC_OK)
        fail_msg("%s: %s", name, ac_error_message());
    print_message("%s, %lld bytes of memory, pieces of %lld: %lld entries, %lld runs spilled\n",
                  name, (long long) memory, (long long) piece_bytes,
                  (long long) mined.entries.count, (long long) report.runs);
    assert_int_equal(report.lines, number(setting, "lines"));
    assert_int_equal(report.words, number(setting, "words"));
    assert_int_equal(report.distinct[1], number(setting, "bigrams_kept"));
    assert_int_equal(report.distinct[2], number(setting, "trigrams_kept"));
    assert_int_equal(report.skipped,
                     json_array_size(json_object_get(setting, "skipped_not_utf8")));
    assert_int_equal(report.texts, json_array_size(json_object_get(setting, "files")));
    assert_int_equal(mined.entries.count, number(setting, "entries"));
    assert_true(memory > 10000000 || report.words < 20000 || report.runs > 10);
    snprintf(file, sizeof file, "ngrams/%s.jsonl", name);
    path = golden_path(file);
    assert_non_null(path);
    check_entries(&mined, path);
    check_digest(&mined.entries, "", json_object_get(setting, "entries_sha256"));
    check_digest(&mined.entries, json_string_value(json_object_get(setting, "prefix")),
                 json_object_get(setting, "embedded_sha256"));
    ac_mined_free(&mined);
    o.unique = true;
    assert_int_equal(ac_mine(&mined, &report, &corpus, 1, &o), AC_OK);
    assert_int_equal(mined.entries.count, number(setting, "unique_entries"));
    check_digest(&mined.entries, "", json_object_get(setting, "unique_sha256"));
    ac_mined_free(&mined);
    free(path);
}

static void
as_nltk(void **state)
{
    char *corpus = golden_path("ngrams/corpus"), *path = golden_path("ngrams/settings.json"),
         scratch[] = "ngrams-XXXXXX";
    json_t *root, *setting;
    const char *name;

    (void) state;
    if (!corpus || !path) {
        free(corpus);
        free(path);
        skip();
    }
    assert_non_null(mkdtemp(scratch));
    root = test_read_json(path);
    json_object_foreach(json_object_get(root, "settings"), name, setting)
    {
        check_setting(name, setting, corpus, scratch, 100000000, 0);
        check_setting(name, setting, corpus, scratch, 200000,
                      strcmp(name, "small") == 0 ? 7 : 1000);
    }
    assert_int_equal(rmdir(scratch), 0); /* nothing is left in it */
    json_decref(root);
    free(corpus);
    free(path);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(as_nltk) };

    return golden_result(cmocka_run_group_tests(tests, NULL, NULL));
}
