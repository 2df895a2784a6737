/* ftfy's repair of text that was decoded with a wrong encoding. Expected: ftfy 6.3.1's
 * fix_text(text). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "engine/text/ftfy.h"
#include "engine/text/mojibake.h"

typedef struct text {
    const char *bytes;
    size_t size;
} text;

#define TEXT(literal)                  \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }

static const struct {
    text given, fixed;
} cases[] = {
    /* one encoding for the whole text */
    { TEXT("Ã©"), TEXT("é") },
    { TEXT("â€™"), TEXT("'") },
    { TEXT("itâ€™s"), TEXT("it's") },
    { TEXT("â€œquotedâ€\357\277\275"), TEXT("\042quoted\357\277\275") },
    { TEXT("ï¿½"), TEXT("\357\277\275") },
    { TEXT("Ã"), TEXT("Ã") },
    { TEXT("cafÃ© Â£3"), TEXT("café £3") },
    /* restore_byte_a0 */
    { TEXT("Ã  propos"), TEXT("à propos") },
    { TEXT("voilÃ  le travail"), TEXT("voilà le travail") },
    { TEXT("fÃ cil"), TEXT("fà cil") },
    { TEXT("Ã s 3"), TEXT("às 3") },
    { TEXT("Ã quele dia"), TEXT("àquele dia") },
    /* twice; parts of a sound text */
    { TEXT("Ãƒ©tÃƒÂ©"), TEXT("été") },
    { TEXT("привет, cafÃ©"), TEXT("привет, café") },
    { TEXT("日本 rÃ©sumÃ© 日本"), TEXT("日本 résumé 日本") },
    /* four bytes; surrogates; a zero byte; before a last line feed */
    { TEXT("ðŸ˜€"), TEXT("😀") },
    { TEXT("í\302\240½í¸\302\200"), TEXT("😀") },
    { TEXT("À\302\200Ã©"), TEXT("é") },
    { TEXT("Ã©À\012"), TEXT("é") },
    { TEXT("í\302\240\302\200í°\012Ã"), TEXT("𐀊Ã") },
    { TEXT("Ã©í\302\240\302\200í°\012"), TEXT("é𐀊") },
    /* other code pages */
    { TEXT("‚Äúquote‚Äù"), TEXT("\042quote\042") },
    { TEXT("├⌐t├⌐"), TEXT("été") },
    { TEXT("РїСЂРёРІРµС‚"), TEXT("привет") },
    { TEXT("ÎºÎ±Î»Î·Î¼Î\302\255ÏÎ±"), TEXT("καλημέÏα") },
    { TEXT("Å¾luÅ¥ouÄkÃ½"), TEXT("žluÅ¥ouÄký") },
    { TEXT("Ä±ÄŸdÄ±r"), TEXT("ığdır") },
    /* C1 controls */
    { TEXT("â€\302\234\302\205"), TEXT("\042…") },
    { TEXT("a \302\205 b\302\221c\302\222"), TEXT("a … b'c'") },
    { TEXT("é\302\201"), TEXT("é\302\201") },
    /* sound texts stay; others */
    { TEXT("São Paulo"), TEXT("São Paulo") },
    { TEXT("Ångström"), TEXT("Ångström") },
    { TEXT("ÃŸ"), TEXT("ß") },
    { TEXT("Österreich – Ü"), TEXT("Österreich – Ü") },
    { TEXT("naïve"), TEXT("naïve") },
    { TEXT("¡Olé! ©"), TEXT("¡Olé! ©") },
    { TEXT("× ²"), TEXT("× ²") },
    { TEXT("MÃ©xico\012日本"), TEXT("México\012日本") },
    { TEXT("&Atilde;&copy;"), TEXT("é") },
    { TEXT("Ã&copy;"), TEXT("é") },
    { TEXT("Ã\302\203\302\203\302\203"), TEXT("Ã") },
    { TEXT("Ã\077"), TEXT("Ã\077") },
    { TEXT("\032â€"), TEXT("â€") },
    { TEXT("Â\302\240a"), TEXT("\302\240a") },
    { TEXT("ÃÂÃÂÃÂ"), TEXT("ÃÂÃÂÃÂ") },
};

static void
check(const char *given, size_t n, const char *expected, size_t m)
{
    ac_buffer out = { 0 };

    assert_int_equal(ac_ftfy_fix_text(&out, given, n), AC_OK);
    if (out.size != m || memcmp(out.data ? out.data : "", expected, m) != 0)
        fail_msg("\"%.80s\" gives \"%.80s\", expected \"%.80s\"", given,
                 out.data ? out.data : "", expected);
    ac_buffer_free(&out);
}

static void
cases_as_in_python(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(cases[i].given.bytes, cases[i].given.size, cases[i].fixed.bytes,
              cases[i].fixed.size);
}

static ac_buffer
repeated(const char *piece, size_t times)
{
    ac_buffer b = { 0 };

    while (times--)
        ac_buffer_push_text(&b, piece);
    assert_int_equal(b.status, AC_OK);
    return b;
}

/* 100,000 characters and more in one line: the outcome is the piece's, and the rounds do not
 * grow with the length. */
static void
long_texts_in_few_rounds(void **state)
{
    static const struct {
        const char *given, *fixed;
        int rounds;
    } pieces[] = {
        { "it\303\242\342\202\254\342\204\242s a caf\303\203\302\251 ",
          "it\342\200\231s a caf\303\251 ", 3 },
        { "\346\227\245\346\234\254 r\303\203\302\251sum\303\203\302\251 ",
          "\346\227\245\346\234\254 r\303\251sum\303\251 ", 3 },
        { "un caf\303\251, l\342\200\231\303\251glise ",
          "un caf\303\251, l\342\200\231\303\251glise ", 0 },
        { "t\303\203\302\203\303\202\302\251, t\303\203\302\251 \346\227\245 ",
          "t\303\251, t\303\251 \346\227\245 ", 6 },
    };

    (void) state;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        const size_t times = 10000;
        ac_buffer given = repeated(pieces[i].given, times),
                  fixed = repeated(pieces[i].fixed, times), out = { 0 };
        int64_t budget = ac_mojibake_budget(given.size);
        const int64_t all = budget;
        assert_true(given.size > 100000);
        assert_int_equal(ac_mojibake_fix(&out, given.data, given.size, &budget), AC_OK);
        assert_string_equal(out.data, fixed.data);
        assert_true(all - budget <= pieces[i].rounds * (int64_t) given.size);
        ac_buffer_free(&given);
        ac_buffer_free(&fixed);
        ac_buffer_free(&out);
    }
}

/* "\u00c3" before n of U+0083: each round takes one away. Up to 2,000 as ftfy; a long one
 * ends when the budget does, instead of after 100,000 rounds of 100,000 characters. */
static void
chains_end(void **state)
{
    (void) state;
    for (size_t n = 1000; n <= 100000; n *= 100) {
        ac_buffer given = { 0 }, tail = repeated("\302\203", n), out = { 0 };
        int64_t budget;
        ac_buffer_push_text(&given, "\303\203");
        assert_int_equal(ac_buffer_push(&given, tail.data, tail.size), AC_OK);
        budget = ac_mojibake_budget(given.size);
        assert_int_equal(ac_mojibake_fix(&out, given.data, given.size, &budget), AC_OK);
        if (n == 1000)
            assert_string_equal(out.data, "\303\203");
        else
            assert_true(budget <= 0 && out.size < given.size);
        ac_buffer_free(&given);
        ac_buffer_free(&tail);
        ac_buffer_free(&out);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(cases_as_in_python),
                                        cmocka_unit_test(long_texts_in_few_rounds),
                                        cmocka_unit_test(chains_end) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
