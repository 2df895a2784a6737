/* Tokenizers made of steps, from memory: what a regular expression becomes or why it is
 * refused, splitting, merging, added tokens. Expected: tokenizers 0.23.3, but for the refusals.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/text/tokenizer.h"
#include "engine/text/unicode.h"

/* ---- regular expressions ---- */

static void
regex_refused(void **state)
{
    static const char *const all[][2] = {
        { "^a", "an anchor" },
        { "a$", "an anchor" },
        { "\\ba", "an escape" },
        { "(?<=a)b", "a group of a kind" },
        { "(?<n>a)", "a group of a kind" },
        { "(?i)a", "a group of a kind" },
        { "(a)\\1", "an escape" },
        { "\\w", "\\w" },
        { "[\\w]", "\\w" },
        { "\\p{Nonsense}", "\\p{" },
        { "\\p{^L}", "\\p{" },
        { "\\pL", "\\p" },
        { "[a", "without its end" },
        { "(a", "without its end" },
        { "a)", "closes nothing" },
        { "[]a]", "an empty set" },
        { "[a[b]]", "a set within a set" },
        { "[a-z&&b]", "a set within a set" },
        { "[z-a]", "a range" },
        { "[\\p{L}-z]", "a range" },
        { "a**", "a repetition of a repetition" },
        { "a{2}+", "a repetition of a repetition" },
        { "a{2}?", "a repetition of a repetition" },
        { "a{,2}", "a repetition {" },
        { "a{3,2}", "a repetition {" },
        { "a{99999}", "a repetition {" },
        { "+a", "a repetition of nothing" },
        { "(?i:ss)", "make one character" },
        { "(?i:st)", "make one character" },
        { "(?i:\xc3\xa9)", "more than letters" },
        { "\\xe9", "an escape" },
        { "\\ud800", "an escape" },
        { "\\", "an escape" },
        { "a*", "can match an empty text" },
        { "a|", "can match an empty text" },
        { "", "can match an empty text" },
    };
    ac_pattern p;

    (void) state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        assert_int_equal(ac_pattern_init_regex(&p, all[i][0], strlen(all[i][0])), AC_E_FORMAT);
        if (!strstr(ac_error_message(), all[i][1]))
            fail_msg("%s: \"%s\" does not say \"%s\"", all[i][0], ac_error_message(),
                     all[i][1]);
    }
    assert_int_equal(ac_pattern_init_literal(&p, "", 0), AC_E_FORMAT);
}

/* The words of a text with "|" between them. */
static void
check_words(ac_text_step *step, const char *text, const char *expected)
{
    ac_text_steps steps = { .items = step, .count = 1 };
    ac_texts words = { 0 };
    ac_buffer joined = { 0 };

    assert_int_equal(ac_text_pre_tokenize(&steps, text, strlen(text), true, &words), AC_OK);
    for (int64_t i = 0; i < words.count; i++) {
        if (i)
            ac_buffer_push_char(&joined, '|');
        ac_buffer_push(&joined, ac_texts_at(&words, i), ac_texts_size(&words, i));
    }
    assert_int_equal(ac_buffer_push(&joined, "", 0), AC_OK);
    assert_string_equal(joined.data, expected);
    ac_texts_free(&words);
    ac_buffer_free(&joined);
}

static void
regex_means(void **state)
{
    static const char *const all[][3] = {
        { "\\s+(?!\\S)|\\s+", "a   b\xc2\x85  ", "a|  | |b|\xc2\x85  " },
        { "(?i:'s|'LL)", "it's IT'S 'll '\xc5\xbf", "it|'s| IT|'S| |'ll| |'\xc5\xbf" },
        { "\\d{2,3}", "12345 1", "123|45| 1" },
        { "[^a-c\\s]+", "abx y\xc3\xa9", "ab|x| |y\xc3\xa9" },
        { "\\x{41}|\\u0042|\\.", "xABC.", "x|A|B|C|." },
        { ".", "a\nb", "a|\n|b" },
        { "[\\-\\]\\\\a]+", "x-]\\ay", "x|-]\\a|y" },
        { "(?>a+)b|a?+c", "aab aac", "aab| a|ac" },
        { "\\p{Han}+|\\P{L}",
          "\xe6\xbc\xa2\xe5\xad\x97"
          "ab1c",
          "\xe6\xbc\xa2\xe5\xad\x97|ab|1|c" },
    };

    (void) state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        ac_text_step step = { .kind = AC_STEP_SPLIT, .behavior = AC_SPLIT_ISOLATED };
        if (ac_pattern_init_regex(&step.pattern, all[i][0], strlen(all[i][0])) != AC_OK)
            fail_msg("%s: %s", all[i][0], ac_error_message());
        check_words(&step, all[i][1], all[i][2]);
        ac_text_step_free(&step);
    }
}

/* Time that grows as the power of a text's length ends as an error, not as ids of its half. */
static void
regex_takes_too_long(void **state)
{
    ac_pattern p;
    ac_spans spans = { 0 };
    char text[64];

    (void) state;
    memset(text, 'a', sizeof text);
    assert_int_equal(ac_pattern_init_regex(&p, "(?:(?:a+)+)+[bc]", 16), AC_OK);
    assert_int_equal(ac_pattern_spans(&p, text, sizeof text, &spans), AC_E_LIMIT);
    ac_pattern_free(&p);
    free(spans.items);
}

static void
splits(void **state)
{
    static const char *const expected[] = { "a|b|c", "a| | |b| |c| ", "a | |b |c ",
                                            "a| | b| c| ", "a|  |b| |c| " };
    ac_text_step step = { .kind = AC_STEP_SPLIT };

    (void) state;
    assert_int_equal(ac_pattern_init_literal(&step.pattern, " ", 1), AC_OK);
    for (int b = AC_SPLIT_REMOVED; b <= AC_SPLIT_CONTIGUOUS; b++) {
        step.behavior = (ac_split_behavior) b;
        check_words(&step, "a  b c ", expected[b]);
    }
    step.invert = true;
    step.behavior = AC_SPLIT_REMOVED;
    check_words(&step, "a  b c ", " | | | ");
    ac_text_step_free(&step);
}

/* ---- merging ---- */

static void
push_all(ac_texts *out, const char *const *texts, int n)
{
    for (int i = 0; i < n; i++)
        assert_int_equal(ac_texts_push(out, texts[i], strlen(texts[i])), AC_OK);
}

static void
check_ids(const ac_tokenizer *t, const char *text, const char *expected)
{
    ac_encoding e = { 0 };
    ac_buffer found = { 0 };

    if (ac_tokenizer_encode(t, text, strlen(text), 0, true, &e) != AC_OK)
        fail_msg("%s: %s", text, ac_error_message());
    for (int64_t i = 0; i < e.count; i++)
        ac_buffer_printf(&found, "%s%d", i ? " " : "", e.ids[i]);
    assert_int_equal(ac_buffer_push(&found, "", 0), AC_OK);
    assert_string_equal(found.data, expected);
    ac_encoding_free(&e);
    ac_buffer_free(&found);
}

/* As a GGUF reader has them: tokens, merges and the splitting in memory. The best rank first,
 * of equal ones the leftmost; unknown characters by each rule. */
static void
merging(void **state)
{
    static const char *const tokens[] = { "a", "b", "c", "ab", "bc", "abc", "aa", "<u>", "ca" };
    static const char *const pairs[] = { "b", "c", "a", "bc", "a", "a", "a", "b", "c", "a" };
    ac_texts vocabulary = { 0 }, merges = { 0 };

    (void) state;
    push_all(&vocabulary, tokens, 9);
    push_all(&merges, pairs, 10);
    for (int rule = 0; rule < 4; rule++) {
        static const char *const expected[][2] = {
            { "5 6 0", "3" }, { "5 6 0", "0 7 7 1" }, { "5 6 0", "0 7 1" }, { "5 6 0", "0 7 1" }
        };
        ac_text_pipeline pipeline = { .rules = { .unknown = rule ? 7 : -1,
                                                 .fuse_unknown = rule >= 2,
                                                 .whole_words = rule == 3 } };
        ac_bpe bpe;
        ac_tokenizer t;
        assert_int_equal(ac_bpe_init_pairs(&bpe, &vocabulary, &merges, false), AC_OK);
        assert_int_equal(
            ac_tokenizer_init_pipeline_take(&t, AC_TOKENIZER_LLAMA, &bpe, &pipeline), AC_OK);
        check_ids(&t, "abcaaa", expected[rule][0]);
        check_ids(&t, "axyb", expected[rule][1]);
        check_ids(&t, "ab", "3");
        check_ids(&t, "", "");
        ac_tokenizer_free(&t);
    }
    push_all(&merges, (const char *const[]){ "c", "c" }, 2);
    assert_int_equal(ac_bpe_init_pairs(&(ac_bpe){ 0 }, &vocabulary, &merges, false),
                     AC_E_FORMAT);
    assert_non_null(strstr(ac_error_message(), "merge 5 (counted from 0), \"c\" and \"c\""));
    ac_texts_free(&vocabulary);
    ac_texts_free(&merges);
}

/* Every byte has a character of GPT-2's alphabet, and no other character has a byte. */
static void
alphabet(void **state)
{
    int bytes = 0;

    (void) state;
    for (int byte = 0; byte < 256; byte++) {
        ac_buffer text = { 0 };
        size_t at = 0;
        assert_int_equal(ac_bpe_push_byte(&text, byte), AC_OK);
        assert_int_equal(ac_bpe_byte_of(ac_utf8_next(text.data, text.size, &at)), byte);
        assert_int_equal(at, text.size);
        ac_buffer_free(&text);
    }
    for (int32_t point = 0; point < 0x3000; point++)
        bytes += ac_bpe_byte_of(point) >= 0;
    assert_int_equal(bytes, 256);
}

/* ---- added tokens ---- */

static void
added(void **state)
{
    static const char *const tokens[] = { "a", "b", " ", "c" };
    static const struct {
        const char *text;
        ac_added_token token;
    } more[] = {
        { "<l>", { .id = 4, .left = true } },
        { "<r>", { .id = 5, .right = true, .special = true } },
        { "ab", { .id = 6 } },
        { "abc", { .id = 7 } },
        { "cc", { .id = 8, .single_word = true } },
        { "<B>", { .id = 9, .normalized = true, .special = true } },
    };
    ac_texts vocabulary = { 0 }, none = { 0 };
    ac_text_pipeline pipeline = { .rules = { .unknown = -1 } };
    ac_text_step lower = { .kind = AC_STEP_LOWERCASE };
    ac_bpe bpe;
    ac_tokenizer t;
    ac_buffer text = { 0 };

    (void) state;
    push_all(&vocabulary, tokens, 4);
    assert_int_equal(ac_bpe_init_pairs(&bpe, &vocabulary, &none, false), AC_OK);
    assert_int_equal(ac_text_steps_push_take(&pipeline.normalizers, &lower), AC_OK);
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        assert_int_equal(ac_added_tokens_push(&pipeline.added, more[i].text,
                                              strlen(more[i].text), &more[i].token),
                         AC_OK);
    assert_int_equal(ac_tokenizer_init_pipeline_take(&t, AC_TOKENIZER_LLAMA, &bpe, &pipeline),
                     AC_OK);
    assert_int_equal(ac_tokenizer_size(&t), 10);
    check_ids(&t, "a  <l> b", "0 4 2 1");
    check_ids(&t, "a <r>  b", "0 2 5 1");
    check_ids(&t, "abca", "7 0");
    check_ids(&t, "abb", "6 1");
    check_ids(&t, "cc ccc cc.", "8 2 3 3 3 2 8");
    check_ids(&t, "A<B><b>", "0 9 9");
    check_ids(&t, "<L>", "");
    assert_int_equal(ac_tokenizer_decode(&t, (const int32_t[]){ 0, 5, 4, 9 }, 4, false, &text),
                     AC_OK);
    assert_string_equal(text.data, "a <l> <b>"); /* <B>, which normalising changes, stays */
    assert_int_equal(ac_tokenizer_decode(&t, (const int32_t[]){ 10 }, 1, false, &text),
                     AC_E_FORMAT);
    ac_buffer_free(&text);
    ac_tokenizer_free(&t);
    ac_texts_free(&vocabulary);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(regex_refused),
        cmocka_unit_test(regex_means),
        cmocka_unit_test(regex_takes_too_long),
        cmocka_unit_test(splits),
        cmocka_unit_test(merging),
        cmocka_unit_test(alphabet),
        cmocka_unit_test(added),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
