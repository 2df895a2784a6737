/* Phrases that no entry may hold: which texts are denied. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "engine/text/deny_list.h"

static const char *const phrases[] = {
    "Ada Lovelace",
    "  O'BRIEN  ",
    "",
    "caf\303\251",                              /* composed */
    "\320\234\320\260\321\200\320\270\321\217", /* Mariya in Cyrillic */
    "\316\237\316\224\316\237\316\243",         /* ODOS in Greek capitals: a final sigma */
    "\346\261\275\350\275\246",                 /* car in Chinese */
    "\360\237\215\206",                         /* an emoji alone */
    "istanbul",
    "x",
    "Stra\303\237e",                        /* a sharp s */
    "\343\202\254\343\203\252",             /* kana, the first with a voiced mark */
    "\342\235\244\357\270\217",             /* a heart, drawn in colour */
    "\357\274\242\357\275\217\357\275\202", /* Bob in full width */
    "fifth",
    "acme",
};

static const struct {
    const char *text;
    bool denied;
} cases[] = {
    { "a photo of ada lovelace", true },
    { "ADA   -- Lovelace!", true },
    { "\"Ada\" Lovelace's desk", true },
    { "ada", false },
    { "lovelace ada", false },
    { "ada of lovelace", false },
    { "adalovelace", false },
    { "ada lovelaces", false },
    { "Conan O\342\200\231Brien", true }, /* another apostrophe */
    { "o brien", true },
    { "obrien", false },
    { "cafe\314\201 noir", true }, /* decomposed */
    { "CAF\303\211", true },
    { "cafe", false },
    { "caf\303\251s", false },
    { "\320\274\320\260\321\200\320\270\321\217 \320\270 \320\276\320\275", true },
    { "\320\274\320\260\321\200\320\270\321\217\320\274", false },
    { "\316\277\316\264\316\277\317\202 1", true },
    { "\316\277\316\264\316\277\317\203", true },
    { "\347\272\242\350\211\262\346\261\275\350\275\246", true }, /* red car, without spaces */
    { "\346\261\275 \350\275\246", true },
    { "\350\275\246\346\261\275", false },
    { "an \360\237\215\206 on a plate", true },
    { "\360\237\215\207", false },
    { "\304\260stanbul", true },              /* a capital I with a dot */
    { "ist\302\255an\342\200\213bul", true }, /* a soft hyphen, a space of no width */
    { "x-ray", true },
    { "xray", false },
    { "\357\274\241\357\274\244\357\274\241\343\200\200\357\274\254ovelace",
      true },                                                              /* full width */
    { "\360\235\220\200\360\235\220\235\360\235\220\232 Lovelace", true }, /* bold letters */
    { "bob", true },
    { "bobs", false },
    { "STRASSE 1", true },
    { "stra\303\237e 1", true },
    { "stra\341\272\236e", true }, /* a capital sharp s */
    { "strase", false },
    { "\357\275\266\357\276\236\357\276\230", true }, /* kana of half width */
    { "\343\202\253\343\203\252", false },            /* without the mark */
    { "a \342\235\244 for you", true },               /* the heart in black */
    { "the \357\254\201fth", true },                  /* a ligature */
    { "the \305\277i\357\254\201fth", false },
    { "a\357\270\217da love\343\205\244lace", true }, /* a variation selector, a filler */
    { "Acme\342\204\242 phone", true },               /* a trademark's sign ends a word */
    { "acmetm", false },
    { "CAFE\314\201\342\200\215", true },
    { "", false },
    { "  !?", false },
};

static void
texts_denied(void **state)
{
    ac_texts lines = { 0 };
    ac_deny_list list = { 0 };
    ac_deny_words words = { 0 };

    (void) state;
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        assert_int_equal(ac_texts_push(&lines, phrases[i], strlen(phrases[i])), AC_OK);
    assert_int_equal(ac_deny_list_init(&list, &lines), AC_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool denied = !cases[i].denied;
        assert_int_equal(
            ac_deny_list_has(&list, &words, cases[i].text, strlen(cases[i].text), &denied),
            AC_OK);
        if (denied != cases[i].denied)
            fail_msg("\"%s\": %s", cases[i].text, denied ? "denied" : "not denied");
    }
    ac_texts_free(&lines);
    ac_deny_list_free(&list);
    ac_deny_list_free(&list);
    ac_deny_words_free(&words);
}

static void
nothing_denied(void **state)
{
    ac_texts lines = { 0 };
    ac_deny_list list = { 0 };
    ac_deny_words words = { 0 };
    bool denied = true;

    (void) state;
    assert_int_equal(ac_texts_push(&lines, " \t", 2), AC_OK);
    assert_int_equal(ac_deny_list_init(&list, &lines), AC_OK);
    assert_int_equal(list.phrases.count + list.signs.count, 0);
    assert_int_equal(ac_deny_list_has(&list, &words, "anything", 8, &denied), AC_OK);
    assert_false(denied);
    ac_texts_free(&lines);
    ac_deny_list_free(&list);
    ac_deny_words_free(&words);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(texts_denied),
                                        cmocka_unit_test(nothing_denied) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
