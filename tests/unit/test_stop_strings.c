/* Stop strings: where they end and begin, across tokens; how they are written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "engine/generation/generation_keys.h"
#include "engine/generation/stop_strings.h"

enum { SNOW = 6 }; /* the first two of the three bytes of a snowman; 7: the last, and more */

static const char *const said[] = { "st",       "op",     "stop", "opera", "las",    "topper",
                                    "\xe2\x98", "\x83 s", "s",    "",      "<|end|>" };

static void
fill(ac_texts *pieces)
{
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        assert_int_equal(ac_texts_push(pieces, said[i], strlen(said[i])), AC_OK);
}

/* Do `stops` (JSON) end the ids [n], beginning in token `token` after `offset` bytes? token -1:
 * they do not. */
static void
check(const char *stops, const int32_t *ids, int64_t n, int64_t token, size_t offset)
{
    ac_texts pieces = { 0 }, strings = { 0 };
    ac_stop_place place = { 0 };

    fill(&pieces);
    assert_int_equal(ac_stop_strings_parse(&strings, stops), AC_OK);
    assert_int_equal(ac_stop_strings_end(&strings, &pieces, ids, n - 1, ids[n - 1], &place),
                     token >= 0);
    if (token >= 0) {
        assert_int_equal(place.token, token);
        assert_int_equal(place.offset, offset);
    }
    ac_texts_free(&pieces);
    ac_texts_free(&strings);
}

#define IDS(...) \
    (const int32_t[]){ __VA_ARGS__ }, sizeof((int32_t[]){ __VA_ARGS__ }) / sizeof(int32_t)

static void
found(void **state)
{
    (void) state;
    check("\"stop\"", IDS(2), 0, 0);
    check("\"stop\"", IDS(0, 1), 0, 0);
    check("\"stop\"", IDS(0, 3), 0, 0);     /* st|opera */
    check("\"stop\"", IDS(4, 5), 0, 2);     /* las|topper */
    check("\"stop\"", IDS(0, 9, 1), 0, 0);  /* a token that says nothing lies between */
    check("\"stop\"", IDS(0, 1, 0), -1, 0); /* it ended before */
    check("\"stop\"", IDS(1, 0), -1, 0);
    check("\"stop\"", IDS(0), -1, 0);
    check("\"stop\"", IDS(9), -1, 0);
    check("\"stop\"", IDS(99), -1, 0); /* an id past the pieces */
    check("[]", IDS(2), -1, 0);
    check("[\"p\", \"top\"]", IDS(2), 0, 1); /* of several that end the one that begins first */
    check("[\"er\", \"to\"]", IDS(5), 0, 0);
    check("\"\\u2603\"", IDS(0, SNOW, 7), 1, 0); /* a character in two tokens */
    check("\"\xe2\x98\x83\"", IDS(0, SNOW, 7), 1, 0);
    check("\" s\"", IDS(SNOW, 7), 1, 1);
    check("\"s<|end|>\"", IDS(8, 10), 0, 0);
    check("\"t<|e\"", IDS(0, 10), 0, 1);
}

static void
written(void **state)
{
    static const char *const bad[] = {
        "",        "[",           "\"\"",        "[\"a\", \"\"]", "a",
        "[\"a\"",  "[\"a\",]",    "\"a\" b",     "[1]",           "[[\"a\"]]",
        "\"\\x\"", "\"\\ud83d\"", "\"\\udc00\"", "\"\\u0000\"",   "\"\xff\"",
        "\"a",     "[\"a\"]]",    "\"\\u12\"",   "\"\\"
    };
    ac_texts t = { 0 };

    (void) state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (ac_stop_strings_parse(&t, bad[i]) != AC_E_ARG)
            fail_msg("taken: %s", bad[i]);
        assert_int_equal(t.count, 0);
    }
    assert_int_equal(
        ac_stop_strings_parse(&t, " [ \"a\\n\\\"\\/\" , \"\\ud83d\\ude00\\u00e9\" ] "), AC_OK);
    assert_int_equal(t.count, 2);
    assert_true(ac_texts_is(&t, 0, "a\n\"/", 4));
    assert_true(ac_texts_is(&t, 1, "\xf0\x9f\x98\x80\xc3\xa9", 6));
    assert_int_equal(ac_stop_strings_parse(&t, "\"one\""),
                     AC_OK); /* what was there is replaced */
    assert_int_equal(t.count, 1);
    ac_texts_free(&t);
}

/* The key of a model's file or a config: set, copied, cleared. */
static void
key(void **state)
{
    const ac_generation_key *stop = ac_generation_key_find("stop_strings");
    ac_generation_config a = { 0 }, b = { 0 };

    (void) state;
    ac_generation_config_defaults(&a, -1, -1);
    assert_int_equal(ac_generation_key_set(stop, &a, "[\"x\", \"yz\"]"), AC_OK);
    assert_int_equal(ac_generation_config_copy(&b, &a), AC_OK);
    ac_generation_config_free(&a);
    assert_int_equal(b.stop_strings.count, 2);
    assert_true(ac_texts_is(&b.stop_strings, 1, "yz", 2));
    ac_generation_key_clear(stop, &b);
    assert_int_equal(b.stop_strings.count, 0);
    ac_generation_config_free(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(found), cmocka_unit_test(written),
                                        cmocka_unit_test(key) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
