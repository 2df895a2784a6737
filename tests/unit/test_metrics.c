/* Metrics beyond the golden data: common subsequences, evidence, percentiles, hostile lines,
 * ids. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <ctype.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/metrics/caption_statistics.h"
#include "engine/metrics/evidence.h"
#include "engine/metrics/ptb_rules.h"
#include "engine/metrics/ptb_tokenizer.h"
#include "io/source/caption_set.h"

static uint32_t state_of_random = 12345;

static int
draw(int n)
{
    state_of_random = state_of_random * 1664525u + 1013904223u;
    return (int) (state_of_random >> 16) % n;
}

static int64_t
common_ref(const int32_t *a, int64_t n, const int32_t *b, int64_t m)
{
    int64_t row[256] = { 0 };

    for (int64_t i = 0; i < n; i++) {
        int64_t diagonal = 0;
        for (int64_t j = 0; j < m; j++) {
            const int64_t above = row[j + 1];
            row[j + 1] = a[i] == b[j] ? diagonal + 1 : above > row[j] ? above : row[j];
            diagonal = above;
        }
    }
    return row[m];
}

static void
common_words_as_by_hand(void **state)
{
    (void) state;
    for (int t = 0; t < 2000; t++) {
        int32_t a[200], b[200];
        const int64_t n = draw(200), m = draw(200);
        int64_t length;

        for (int i = 0; i < 200; i++) {
            a[i] = 1 + draw(1 + t % 30);
            b[i] = 1 + draw(1 + t % 30);
        }
        assert_int_equal(ac_common_words((ac_words){ a, n }, (ac_words){ b, m }, &length),
                         AC_OK);
        assert_int_equal(length, common_ref(a, n, b, m));
    }
}

static void
spans_are_the_longest_runs(void **state)
{
    static const char *const entries[] = { "a red car", "Red car on a road", "of the" };
    static const char caption[] = "A red car of the police on a road.";
    ac_evidence_finder finder = { 0 };
    ac_evidence e;
    ac_texts texts = { 0 };

    (void) state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(ac_texts_push(&texts, entries[i], strlen(entries[i])), AC_OK);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(ac_evidence_find(&finder, caption, strlen(caption), &texts, 0, 3, &e),
                         AC_OK);
        assert_int_equal(e.words.count, 9);
        assert_int_equal(e.span_count, 2); /* "of the" holds no content word */
        assert_int_equal(e.spans[0].from, 0);
        assert_int_equal(e.spans[0].count, 3);
        assert_int_equal(e.spans[0].entry, 0);
        assert_int_equal(e.spans[1].from, 6);
        assert_int_equal(e.spans[1].count, 3);
        assert_int_equal(e.spans[1].entry, 1);
        assert_int_equal(e.copied, 6);
        assert_true(e.content[5] && !e.in_table[5]); /* police */
        assert_true(!e.content[3] && e.in_table[3]); /* of */
    }
    assert_int_equal(ac_evidence_find(&finder, "", 0, &texts, 0, 0, &e), AC_OK);
    assert_int_equal(e.words.count + e.span_count, 0);
    ac_texts_free(&texts);
    ac_evidence_finder_free(&finder);
}

/* The list of docs/EVALUATION.md is the program's. */
static void
function_words_are_documented(void **state)
{
    FILE *f = fopen(AC_SOURCE_DIR "/docs/EVALUATION.md", "r");
    char *line = NULL;
    size_t capacity = 0;
    int words = 0;
    bool listed = false;

    (void) state;
    assert_non_null(f);
    while (getline(&line, &capacity, f) >= 0) {
        listed = listed || strstr(line, "## The function words");
        for (char *at = line; listed && (at = strchr(at, '`')); words++) {
            const size_t n = strcspn(at + 1, "`");
            assert_true(ac_is_function_word(at + 1, n));
            at += n + 2;
        }
    }
    fclose(f);
    free(line);
    assert_int_equal(words, ac_function_word_count());
    assert_false(ac_is_function_word("car", 3));
    assert_false(ac_is_function_word("", 0));
}

static void
percentiles(void **state)
{
    double x[] = { 3, (double) NAN, 1, 2, 4, 5 }, none[] = { (double) NAN };

    (void) state;
    assert_true(fabs(ac_percentile_of(x, 6, 50) - 3) < 1e-15);
    assert_true(fabs(ac_percentile_of(x, 6, 2.5) - 1.1) < 1e-12);
    assert_true(fabs(ac_percentile_of(x, 6, 97.5) - 4.9) < 1e-12);
    assert_true(isnan(ac_percentile_of(none, 1, 50)));
    assert_true(isnan(ac_mean_of(none, 1)));
    assert_true(fabs(ac_mean_of(x, 6) - 3) < 1e-15);
}

/* The same draws whatever the number of sets and columns; a mean's spread is what it must be.
 */
static void
resamples_are_paired(void **state)
{
    enum { N = 400, R = 1000 };
    static double a[N], means[2 * R];
    const double *columns[2] = { a, a };
    ac_bootstrap_input in = {
        .columns = columns, .column_count = 2, .items = N, .seed = 7, .resamples = R
    };

    (void) state;
    for (int i = 0; i < N; i++)
        a[i] = i % 2;
    assert_int_equal(ac_bootstrap(&in, NULL, means), AC_OK);
    assert_memory_equal(means, means + R, R * sizeof *means);
    /* standard error 0.5 / sqrt(400): 95 % within 1.96 * 0.025 */
    assert_true(fabs(ac_percentile_of(means, R, 2.5) - 0.451) < 0.006);
    assert_true(fabs(ac_percentile_of(means, R, 97.5) - 0.549) < 0.006);
}

/* A line that begins 100,000 tags and ends none takes no square of its length. */
static void
hostile_lines(void **state)
{
    enum { N = 100000 };
    ac_ptb_tokenizer *tokenizer;
    ac_buffer text = { 0 }, out = { 0 };

    (void) state;
    for (int i = 0; i < N; i++)
        ac_buffer_push_text(&text, "<!a=^[^x=");
    assert_int_equal(ac_ptb_tokenizer_new(&tokenizer), AC_OK);
    assert_int_equal(ac_ptb_tokenize(tokenizer, &out, text.data, text.size), AC_OK);
    assert_true(out.size > N);
    ac_buffer_reset(&out);
    assert_int_equal(ac_ptb_tokenize(tokenizer, &out, "", 0), AC_OK);
    assert_string_equal(out.data, "");
    ac_ptb_tokenizer_free(tokenizer);
    ac_buffer_free(&text);
    ac_buffer_free(&out);
}

static void
expect_found(const ac_caption_set *set, const char *key, const char *id)
{
    const int64_t at = ac_caption_set_find(set, key, strlen(key));

    if (!id) {
        assert_int_equal(at, -1);
        return;
    }
    assert_true(at >= 0);
    assert_true(ac_texts_is(&set->ids, at, id, strlen(id)));
}

/* The tokenizer takes words of letters without the automaton. From all states that letters
 * reach: behind a space or the line's end nothing but the letters themselves can be a match. */
static void
letters_before_a_blank_are_one_token(void **state)
{
    enum { MOST = 4096 };
    static int32_t queue[MOST];
    bool *seen = calloc(MOST, sizeof *seen);
    ac_automaton *automaton;
    int32_t next;
    int count = 0, kinds[AC_PTB_GREATER + 1] = { 0 };

    (void) state;
    assert_int_equal(ac_automaton_new(&automaton, ac_ptb_rules, ac_ptb_rule_count), AC_OK);
    queue[count++] = 0;
    for (int i = 0; i < count; i++) {
        const int rule = i ? ac_automaton_accepts(automaton, queue[i]) : -1;
        for (const char *end = " \n"; *end; end++) {
            assert_int_equal(ac_automaton_step(automaton, queue[i], *end, &next), AC_OK);
            if (i && next >= 0) { /* a rule that wants to see the blank, and no more */
                const int with = ac_automaton_accepts(automaton, next);
                assert_true(with >= 0 && ac_ptb_rules[with].context_points <= 1);
                assert_true(ac_ptb_rules[with].context);
                assert_int_equal(ac_ptb_rules[with].kind, AC_PTB_PLAIN);
                for (int32_t p = 1; p < 0x3100; p++) {
                    int32_t further;
                    assert_int_equal(ac_automaton_step(automaton, next, p, &further), AC_OK);
                    assert_true(further < 0);
                }
            }
        }
        if (i) {
            assert_true(rule >= 0);
            kinds[ac_ptb_rules[rule].kind]++;
            assert_true(ac_ptb_rules[rule].kind == AC_PTB_PLAIN ||
                        ac_ptb_rules[rule].kind == AC_PTB_WORD ||
                        ac_ptb_rules[rule].kind == AC_PTB_SPLIT_2 ||
                        ac_ptb_rules[rule].kind == AC_PTB_SPLIT_3);
        }
        for (int c = 'A'; c <= 'z'; c++) {
            if (!isalpha(c))
                continue;
            assert_int_equal(ac_automaton_step(automaton, queue[i], c, &next), AC_OK);
            assert_true(next >= 0 && next < MOST);
            if (seen[next])
                continue;
            seen[next] = true;
            assert_true(count < MOST);
            queue[count++] = next;
        }
    }
    print_message("%d states\n", count);
    assert_true(count > 100);
    assert_true(kinds[AC_PTB_SPLIT_2] && kinds[AC_PTB_SPLIT_3]);
    free(seen);
    ac_automaton_free(automaton);
}

/* In simple words, by the rules (an added sign makes them), and with both in one text. */
static void
words_that_are_split(void **state)
{
    static const char *const cases[][2] = {
        { "I cannot GONNA gotta", "i can not gon na got ta" },
        { "lemme  Gimme wanna ", "lem me gim me wan na" },
        { "cannot.", "can not" },
        { "a cannots (gonna) wannas", "a cannots -lrb- gon na -rrb- wannas" },
        { "Mr Cannot no U.S. gonna", "mr can not no u.s. gon na" },
        { "", "" },
        { "  ", "" },
        { "a", "a" },
    };
    ac_ptb_tokenizer *tokenizer;
    ac_buffer out = { 0 };

    (void) state;
    assert_int_equal(ac_ptb_tokenizer_new(&tokenizer), AC_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ac_buffer_reset(&out);
        assert_int_equal(ac_ptb_tokenize(tokenizer, &out, cases[i][0], strlen(cases[i][0])),
                         AC_OK);
        assert_string_equal(out.data, cases[i][1]);
    }
    ac_buffer_free(&out);
    ac_ptb_tokenizer_free(tokenizer);
}

/* Numbers, counts and frequencies of n-grams as one finds them one after the other, whatever
 * the number of threads. */
static void
ngrams_in_the_order_of_their_first(void **state)
{
    enum { CAPTIONS = 300 };
    char text[256];
    ac_vocabulary vocabulary = { 0 };
    ac_caption_words words = { 0 };
    ac_ngram_table slow = { 0 };
    uint32_t x = 7;

    (void) state;
    for (int c = 0; c < CAPTIONS; c++) {
        size_t n = 0;
        for (int w = 0; w < c % 12; w++) {
            x = x * 1664525 + 1013904223;
            n += (size_t) sprintf(text + n, "%s%c", w ? " " : "", 'a' + (int) (x >> 29));
        }
        if (c % 7 == 0)
            n += (size_t) sprintf(text + n, "\xc2\xa0z"); /* a blank that is no space */
        assert_int_equal(ac_caption_words_push(&words, &vocabulary, text, n), AC_OK);
    }
    for (int threads = 1; threads <= 5; threads++) {
        ac_caption_ngrams ngrams = { 0 };
        ac_ngram_table table = { 0 };
        int32_t number;

        omp_set_num_threads(threads);
        assert_int_equal(ac_caption_ngrams_find(&ngrams, &table, &words), AC_OK);
        for (int c = 0; c < CAPTIONS; c++) {
            const ac_words w = ac_caption_words_at(&words, c);
            const ac_ngrams found = ac_caption_ngrams_at(&ngrams, c);
            int64_t total = 0, expected = 0;

            for (int64_t i = 0; i < w.count; i++) {
                ac_word_ngram g = { { 0 } };
                for (int n = 0; n < AC_NGRAM_MOST && i + n < w.count; n++) {
                    bool has = false;
                    g.words[n] = w.words[i + n];
                    assert_int_equal(ac_ngram_table_add(&slow, &g, &number), AC_OK);
                    assert_int_equal(ac_word_ngram_compare(&table.ngrams[number], &g), 0);
                    for (int64_t k = 0; k < found.count; k++)
                        has = has || (found.ngrams[k].number == number &&
                                      found.ngrams[k].length == n + 1);
                    assert_true(has);
                    expected++;
                }
            }
            for (int64_t k = 0; k < found.count; k++) {
                total += found.ngrams[k].times;
                assert_true(!k || found.ngrams[k - 1].number < found.ngrams[k].number);
            }
            assert_int_equal(total, expected);
        }
        assert_int_equal(table.count, slow.count);
        ac_caption_ngrams_free(&ngrams);
        ac_ngram_table_free(&table);
    }
    ac_ngram_table_free(&slow);
    ac_caption_words_free(&words);
    ac_vocabulary_free(&vocabulary);
}

static void
ids_and_names(void **state)
{
    static const char json[] =
        "{\"images\": [{\"id\": 42, \"file_name\": \"val/COCO_val2014_000000000042.jpg\"},"
        " {\"id\": \"x 7\", \"file_name\": \"seven.tar.png\"}], \"annotations\": ["
        "{\"image_id\": 42, \"caption\": \"b\"}, {\"image_id\": \"x 7\", \"caption\": \"c\"},"
        "{\"image_id\": 42, \"caption\": \"a\"}]}";
    FILE *f = fopen("annotations.json", "w");
    ac_caption_set set;

    (void) state;
    assert_non_null(f);
    fputs(json, f);
    fclose(f);
    assert_int_equal(
        ac_caption_set_read(&set, "annotations.json", AC_CAPTIONS_SEVERAL, "references"),
        AC_OK);
    assert_int_equal(set.count, 2);
    assert_int_equal(set.starts[1], 2);
    assert_true(ac_texts_is(&set.captions, 0, "b", 1)); /* in the order read */
    expect_found(&set, "42", "42");
    expect_found(&set, "COCO_val2014_000000000042", "42");
    expect_found(&set, "val2014/COCO_val2014_000000000042", "42");
    expect_found(&set, "deep/er/42", "42");
    expect_found(&set, "000000000042", "42");
    expect_found(&set, "0042", NULL);
    expect_found(&set, "142", NULL);
    expect_found(&set, "seven.tar", "x 7");
    expect_found(&set, "", NULL);
    ac_caption_set_free(&set);
    assert_int_equal(
        ac_caption_set_read(&set, "annotations.json", AC_CAPTIONS_ONE_EACH, "predictions"),
        AC_E_FORMAT);
    remove("annotations.json");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(common_words_as_by_hand),
        cmocka_unit_test(spans_are_the_longest_runs),
        cmocka_unit_test(function_words_are_documented),
        cmocka_unit_test(percentiles),
        cmocka_unit_test(resamples_are_paired),
        cmocka_unit_test(letters_before_a_blank_are_one_token),
        cmocka_unit_test(words_that_are_split),
        cmocka_unit_test(ngrams_in_the_order_of_their_first),
        cmocka_unit_test(hostile_lines),
        cmocka_unit_test(ids_and_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
