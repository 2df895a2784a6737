/* CLIP's cleaning of texts: the odd corners of html.unescape, ftfy and white space. Expected:
 * CPython 3.11's html.unescape, ftfy 6.3.1's fix_text(text, fix_encoding=False), OpenAI CLIP's
 * cleaning after it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "engine/text/clean.h"
#include "engine/text/ftfy.h"
#include "engine/text/html_unescape.h"

typedef struct text {
    const char *bytes;
    size_t size;
} text;

#define TEXT(literal)                  \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }

static const struct {
    text given, unescaped, fixed, clean;
} corners[] = {
    { TEXT("&amp;amp;amp;"), TEXT("&amp;amp;"), TEXT("&"), TEXT("&") },
    { TEXT("&EACUTE; &eacute &COPY &copy"), TEXT("&EACUTE; \303\251 \302\251 \302\251"),
      TEXT("\303\211 &eacute &COPY &copy"), TEXT("\303\251 \303\251 \302\251 \302\251") },
    { TEXT("<b>&lt;</b>\012&lt;"), TEXT("<b><</b>\012<"), TEXT("<b>&lt;</b>\012&lt;"),
      TEXT("<b><</b> <") },
    { TEXT("&lt;\012<\012&lt;"), TEXT("<\012<\012<"), TEXT("<\012<\012&lt;"), TEXT("< < <") },
    { TEXT("&#59;"), TEXT(";"), TEXT("&#59;"), TEXT(";") },
    { TEXT("&#x80;&#129;"), TEXT("\342\202\254\302\201"), TEXT("\342\202\254\302\201"),
      TEXT("\342\202\254\302\201") },
    { TEXT("&#0;&#xD800;&#x110000;&#99999999999999999999;"),
      TEXT("\357\277\275\357\277\275\357\277\275\357\277\275"),
      TEXT("\357\277\275\357\277\275\357\277\275\357\277\275"),
      TEXT("\357\277\275\357\277\275\357\277\275\357\277\275") },
    { TEXT("&#1;|&#x7f;|&#xfdd0;|&#xfffe;"), TEXT("|||"), TEXT("|||"), TEXT("|||") },
    { TEXT("&notit; &notin; &not"), TEXT("\302\254it; \342\210\211 \302\254"),
      TEXT("&notit; \342\210\211 &not"), TEXT("\302\254it; \342\210\211 \302\254") },
    { TEXT("&#x; &#; &; &"), TEXT("&#x; &#; &; &"), TEXT("&#x; &#; &; &"),
      TEXT("&#x; &#; &; &") },
    { TEXT("BUNDESSTRA&SZLIG;E"), TEXT("BUNDESSTRA&SZLIG;E"), TEXT("BUNDESSTRASSE"),
      TEXT("bundesstrasse") },
    { TEXT("&nTILDE;"), TEXT("&nTILDE;"), TEXT("&nTILDE;"), TEXT("&ntilde;") },
    { TEXT("&amp;lt;"), TEXT("&lt;"), TEXT("<"), TEXT("<") },
    { TEXT("\033[1;31mred\033[0m"), TEXT("\033[1;31mred\033[0m"), TEXT("red"), TEXT("red") },
    { TEXT("\033[\033[0mm"), TEXT("\033[\033[0mm"), TEXT("[m"), TEXT("[m") },
    { TEXT("\033[\331\243m"), TEXT("\033[\331\243m"), TEXT(""), TEXT("") },
    { TEXT("\033[1"), TEXT("\033[1"), TEXT("[1"), TEXT("[1") },
    { TEXT("\357\254\202u\357\254\203e\357\254\206 \305\211"),
      TEXT("\357\254\202u\357\254\203e\357\254\206 \305\211"), TEXT("fluffiest 'n"),
      TEXT("fluffiest 'n") },
    { TEXT("\357\274\241\357\274\242\343\200\200\357\274\203"),
      TEXT("\357\274\241\357\274\242\343\200\200\357\274\203"), TEXT("AB #"), TEXT("ab #") },
    { TEXT("\357\275\266\357\276\236"), TEXT("\357\275\266\357\276\236"), TEXT("\343\202\254"),
      TEXT("\343\202\254") },
    { TEXT("\357\276\241\357\277\202"), TEXT("\357\276\241\357\277\202"), TEXT("\352\260\200"),
      TEXT("\352\260\200") },
    { TEXT("\357\277\243"), TEXT("\357\277\243"), TEXT(" \314\204"), TEXT("\314\204") },
    { TEXT("\342\200\230a\342\200\231 \342\200\234b\342\200\235 \312\274"),
      TEXT("\342\200\230a\342\200\231 \342\200\234b\342\200\235 \312\274"),
      TEXT("'a' \042b\042 '"), TEXT("'a' \042b\042 '") },
    { TEXT("a\015\012b\015c\342\200\250d\342\200\251e"),
      TEXT("a\015\012b\015c\342\200\250d\342\200\251e"), TEXT("a\012b\012c\012d\012e"),
      TEXT("a b c d e") },
    { TEXT("\302\205\302\221\302\201"), TEXT("\302\205\302\221\302\201"),
      TEXT("\342\200\246'\302\201"), TEXT("\342\200\246'\302\201") },
    { TEXT("\000a\013b\014c\177\357\273\277\357\277\274\342\201\252d"),
      TEXT("\000a\013b\014c\177\357\273\277\357\277\274\342\201\252d"), TEXT("ab\014cd"),
      TEXT("ab cd") },
    { TEXT("e\314\201 \342\204\253"), TEXT("e\314\201 \342\204\253"), TEXT("\303\251 \303\205"),
      TEXT("\303\251 \303\245") },
    { TEXT("\316\237\316\224\316\237\316\243 \304\260"),
      TEXT("\316\237\316\224\316\237\316\243 \304\260"),
      TEXT("\316\237\316\224\316\237\316\243 \304\260"),
      TEXT("\316\277\316\264\316\277\317\202 i\314\207") },
    { TEXT("  \302\240 a \011\012 b \343\200\200"),
      TEXT("  \302\240 a \011\012 b \343\200\200"), TEXT("  \302\240 a \011\012 b  "),
      TEXT("a b") },
    { TEXT("&nbsp;a&nbsp;"), TEXT("\302\240a\302\240"), TEXT("\302\240a\302\240"), TEXT("a") },
    { TEXT(""), TEXT(""), TEXT(""), TEXT("") },
    { TEXT("&xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx;"),
      TEXT("&xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx;"),
      TEXT("&xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx;"),
      TEXT("&xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx;") },
    { TEXT("&\303\251;&amp\303\251;"), TEXT("&\303\251;&\303\251;"),
      TEXT("&\303\251;&amp\303\251;"), TEXT("&\303\251;&\303\251;") },
};

static void
check(ac_status (*function)(ac_buffer *, const char *, size_t), const char *name,
      const text *given, const text *expected)
{
    ac_buffer out = { 0 };

    assert_int_equal(function(&out, given->bytes, given->size), AC_OK);
    if (out.size != expected->size ||
        memcmp(out.data ? out.data : "", expected->bytes, out.size) != 0)
        fail_msg("%s(\"%s\") gives \"%s\", expected \"%s\"", name, given->bytes,
                 out.data ? out.data : "", expected->bytes);
    ac_buffer_free(&out);
}

static void
corners_as_in_python(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof corners / sizeof *corners; i++) {
        check(ac_html_unescape, "html_unescape", &corners[i].given, &corners[i].unescaped);
        check(ac_ftfy_fix_text, "fix_text", &corners[i].given, &corners[i].fixed);
        check(ac_text_clean_clip, "clean", &corners[i].given, &corners[i].clean);
    }
}

/* A line past a million code points is fixed in segments, as ftfy does: a "<" in a later one
 * leaves the earlier ones alone. */
static void
long_line_in_segments(void **state)
{
    const size_t n = 1000000;
    ac_buffer given = { 0 }, out = { 0 };

    (void) state;
    ac_buffer_push_text(&given, "&lt;");
    while (given.size < n)
        ac_buffer_push_char(&given, 'a');
    assert_int_equal(ac_buffer_push_text(&given, "<&lt;"), AC_OK);
    assert_int_equal(ac_ftfy_fix_text(&out, given.data, given.size), AC_OK);
    assert_int_equal(out.size, given.size - 3);
    assert_memory_equal(out.data, "<a", 2);
    assert_string_equal(out.data + out.size - 6, "a<&lt;");
    ac_buffer_free(&given);
    ac_buffer_free(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(corners_as_in_python),
                                        cmocka_unit_test(long_line_in_segments) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
