/* Several paths in one text: ranges, lists, "::". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "io/file/path_set.h"

/* The paths with blanks between them; or the message. */
static const char *
expanded(const char *text)
{
    static char out[4096];
    ac_texts paths = { 0 };

    out[0] = '\0';
    if (ac_path_set_expand(text, &paths) != AC_OK)
        strcat(out, ac_error_message());
    else
        for (int64_t i = 0; i < paths.count; i++) {
            strcat(out, i ? " " : "");
            strncat(out, ac_texts_at(&paths, i), ac_texts_size(&paths, i));
        }
    ac_texts_free(&paths);
    return out;
}

static void
ranges(void **state)
{
    (void) state;
    assert_string_equal(expanded("a.tar"), "a.tar");
    assert_string_equal(expanded("d/{00098..00101}.tar"),
                        "d/00098.tar d/00099.tar d/00100.tar d/00101.tar");
    assert_string_equal(expanded("{9..11}"), "9 10 11");
    assert_string_equal(expanded("{08..11}"), "08 09 10 11");
    assert_string_equal(expanded("{0..2}{a,b}"), "0a 0b 1a 1b 2a 2b");
    assert_string_equal(expanded("{train,val}/{0..1}.tar::x.tar"),
                        "train/0.tar train/1.tar val/0.tar val/1.tar x.tar");
    assert_string_equal(expanded("{plain}.tar"), "{plain}.tar");
    assert_string_equal(expanded("{0..7..3}"), "0 3 6");
    assert_string_equal(expanded("{08..2..3}"), "08 05 02");
    assert_string_equal(expanded("{a..c}{Z..Y}"), "aZ aY bZ bY cZ cY");
    assert_string_equal(expanded("{00003..00001}.tar"), "00003.tar 00002.tar 00001.tar");
    assert_string_equal(expanded("{00..00}.tar"), "00.tar");
    assert_string_equal(expanded(" a.tar ::\tb{0..1}.tar "), "a.tar b0.tar b1.tar");
    assert_string_equal(expanded("a b.tar"), "a b.tar");
    assert_string_equal(expanded("{open.tar"), "{open.tar");
}

/* As bash 5.2 expands them. */
static void
nested(void **state)
{
    (void) state;
    assert_string_equal(expanded("{a,b{0..1},{x,y}z}.tar"),
                        "a.tar b0.tar b1.tar xz.tar yz.tar");
    assert_string_equal(expanded("{{0..1},{8..9}}"), "0 1 8 9");
    assert_string_equal(expanded("a{b{0,1}c}"), "a{b0c} a{b1c}");
    assert_string_equal(expanded("{a,{b}"), "{a,{b}");
    assert_string_equal(expanded("}{0..1}{"), "}0{ }1{");
    assert_string_equal(expanded("{open{0..1}"), "{open0 {open1");
    assert_string_equal(expanded("{,a}.tar"), ".tar a.tar");
}

static void
wrong_ones(void **state)
{
    (void) state;
    assert_non_null(strstr(expanded("{a..9}"), "no range of numbers"));
    assert_non_null(strstr(expanded("{0..9..0}"), "no range of numbers"));
    assert_non_null(strstr(expanded("{0..9..}"), "no range of numbers"));
    assert_non_null(strstr(expanded("{aa..bb}"), "no range of numbers"));
    assert_non_null(strstr(expanded("{..}"), "no range of numbers"));
    assert_non_null(strstr(expanded("{0..99999999}"), "more than a million"));
    assert_non_null(strstr(expanded("{0..9999}{0..9999}"), "more than a million"));
    assert_non_null(strstr(expanded("a::"), "empty path"));
    assert_non_null(strstr(expanded("{0..99999999999999999999}"), "no range of numbers"));
}

static void
resolving(void **state)
{
    char *out = NULL;

    (void) state;
    assert_int_equal(ac_path_set_resolve(&out, "/f/", "a.tar::/b.tar::c/{0..1}.tar"), AC_OK);
    assert_string_equal(out, "/f/a.tar::/b.tar::/f/c/{0..1}.tar");
    free(out);
    assert_int_equal(ac_path_set_resolve(&out, "/f/", "a.tar :: /b.tar ::c.tar"), AC_OK);
    assert_string_equal(out, "/f/a.tar::/b.tar::/f/c.tar");
    free(out);
    assert_true(ac_path_set_is("/nowhere/{0..1}.tar"));
    assert_true(ac_path_set_is("/nowhere/a::b"));
    assert_false(ac_path_set_is("/nowhere/{0}.tar"));
    assert_false(ac_path_set_is("/tmp"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(ranges), cmocka_unit_test(nested),
                                        cmocka_unit_test(wrong_ones),
                                        cmocka_unit_test(resolving) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
