/* jobs/options: parsing by the table, values, words, the nearest right word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "jobs/cli/options.h"

static const ac_option options[] = {
    { "count", 'k', "N", "a number" }, { "share", 0, "X", "a real" },
    { "fast", 0, NULL, "a flag" },     { "on", 0, "B", "a truth" },
    { NULL, 0, NULL, NULL },
};

static ac_status
parse(ac_arguments *a, int argc, const char *const *argv)
{
    return ac_arguments_parse(a, options, argc, (char **) (uintptr_t) argv);
}

static void
takes_values_in_every_form(void **state)
{
    const char *argv[] = { "tool",   "one", "--count", "3",  "-k4",    "--share=0.5",
                           "--fast", "-k",  "5",       "--", "--count" };
    ac_arguments a;
    int64_t count = 0;
    double share = 0;

    (void) state;
    assert_int_equal(parse(&a, 11, argv), AC_OK);
    assert_int_equal(ac_arguments_int(&a, "count", &count, 1, 10), AC_OK);
    assert_int_equal(count, 5); /* the last one given */
    assert_int_equal(ac_arguments_real(&a, "share", &share), AC_OK);
    assert_true(share == 0.5);
    assert_true(ac_arguments_has(&a, "fast") && !ac_arguments_has(&a, "on"));
    assert_int_equal(a.word_count, 2);
    assert_string_equal(a.words[0], "one");
    assert_string_equal(a.words[1], "--count");
    ac_arguments_free(&a);
    ac_arguments_free(&a);
}

static void
refused(const char *word, const char *value, const char *message)
{
    const char *argv[] = { "tool", word, value };
    ac_arguments a;

    assert_int_equal(parse(&a, value ? 3 : 2, argv), AC_E_ARG);
    assert_non_null(strstr(ac_error_message(), message));
    ac_arguments_free(&a);
}

static void
refuses_what_it_does_not_know(void **state)
{
    (void) state;
    refused("--cuont", "3", "unknown option --cuont; did you mean --count?");
    refused("--completely-else", NULL, "--help lists them");
    refused("--count", NULL, "--count needs a value");
    refused("--fast=1", NULL, "--fast takes no value");
    refused("--countless", NULL, "unknown option --countless");
}

static void
values_are_checked(void **state)
{
    const char *argv[] = { "tool", "--count", "11", "--share", "x", "--on", "maybe" };
    ac_arguments a;
    int64_t count = 7;
    double share = 7;
    bool on = true;
    const char *text;

    (void) state;
    assert_int_equal(parse(&a, 7, argv), AC_OK);
    assert_int_equal(ac_arguments_int(&a, "count", &count, 1, 10), AC_E_ARG);
    assert_int_equal(ac_arguments_real(&a, "share", &share), AC_E_ARG);
    assert_int_equal(ac_arguments_bool(&a, "on", &on), AC_E_ARG);
    assert_true(count == 7 && share == 7 && on); /* as they were */
    assert_int_equal(ac_arguments_need(&a, "fast", &text), AC_E_ARG);
    assert_non_null(strstr(ac_error_message(), "--fast is missing"));
    ac_arguments_free(&a);
}

static void
near_words_are_near(void **state)
{
    static const char *const names[] = { "caption", "tag", "train", NULL };

    (void) state;
    assert_string_equal(ac_nearest_word("captoin", names), "caption");
    assert_string_equal(ac_nearest_word("trian", names), "train");
    assert_null(ac_nearest_word("something else", names));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_values_in_every_form),
        cmocka_unit_test(refuses_what_it_does_not_know),
        cmocka_unit_test(values_are_checked),
        cmocka_unit_test(near_words_are_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
