/* Words, and counting them in little memory, against a plain reference; order of n-grams; PMI.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache_builder/mining/ngram_best.h"
#include "cache_builder/mining/ngram_merge.h"
#include "cache_builder/mining/ngram_runs.h"
#include "engine/base/random.h"
#include "engine/text/words.h"

static void
assert_words(const char *text, size_t n, const char *const *expected)
{
    ac_word_span span;
    size_t at = 0;

    for (; ac_words_next(text, n, &at, &span); expected++) {
        assert_non_null(*expected);
        if (span.to - span.from != strlen(*expected) ||
            memcmp(text + span.from, *expected, span.to - span.from) != 0)
            fail_msg("\"%.*s\", expected \"%s\"", (int) (span.to - span.from), text + span.from,
                     *expected);
    }
    assert_null(*expected);
    assert_int_equal(at, n);
}

#define ASSERT_WORDS(text, ...) \
    assert_words(text, sizeof text - 1, (const char *const[]){ __VA_ARGS__, NULL })

static void
words_as_python(void **state)
{
    (void) state;
    assert_words("", 0, (const char *const[]){ NULL });
    assert_words(" \t\x1c\xc2\x85\xe3\x80\x80", 8, (const char *const[]){ NULL });
    ASSERT_WORDS("don't a_b 3.14", "don", "'", "t", "a_b", "3", ".", "14");
    ASSERT_WORDS("...!?a", "...!?", "a");
    ASSERT_WORDS("x\xc2\xb2 \xc2\xbd \xe2\x85\xa7 \xd9\xa3", "x\xc2\xb2", "\xc2\xbd",
                 "\xe2\x85\xa7", "\xd9\xa3");         /* numbers of every kind */
    ASSERT_WORDS("e\xcc\x81t", "e", "\xcc\x81", "t"); /* marks are not letters */
    ASSERT_WORDS("a\xe2\x80\xa8"
                 "b\xc2\xa0"
                 "c",
                 "a", "b", "c");
    ASSERT_WORDS("\xf0\x9f\xa6\x93\xf0\x9f\x9a\x97zebra", "\xf0\x9f\xa6\x93\xf0\x9f\x9a\x97",
                 "zebra");
}

static void
push_key_word(ac_buffer *key, const char *word)
{
    const uint32_t n = (uint32_t) strlen(word);

    ac_buffer_push(key, &n, sizeof n);
    ac_buffer_push(key, word, n);
}

static int
compare(const char *a1, const char *a2, const char *b1, const char *b2)
{
    ac_buffer a = { 0 }, b = { 0 };
    int order;

    push_key_word(&a, a1);
    push_key_word(&a, a2);
    push_key_word(&b, b1);
    push_key_word(&b, b2);
    order = ac_ngram_key_compare(a.data, b.data, 2);
    ac_buffer_free(&a);
    ac_buffer_free(&b);
    return order;
}

/* Word by word: a shorter word comes first, whatever a separator would say in the joined text.
 */
static void
order_of_keys(void **state)
{
    (void) state;
    assert_true(compare("a", "z", "a\x01", "a") < 0);
    assert_true(compare("a", "z", "aa", "a") < 0);
    assert_true(compare("a", "b", "a", "b") == 0);
    assert_true(compare("b", "a", "a", "z") > 0);
    assert_true(compare("z", "", "\xc3\xa9", "") < 0);
    assert_true(compare("\xef\xbf\xbd", "", "\xf0\x9f\xa6\x93", "") <
                0); /* by code point, not by UTF-16 */
}

static void
pmi_in_its_form(void **state)
{
    const uint64_t one[] = { 3, 5 },
                   two[] = { (1ull << 40) - 1, (1ull << 40) - 3, (1ull << 40) - 5 };

    (void) state;
    assert_true(ac_ngram_pmi(3, 28580, one, 2) == log2(3.0 * 28580) - log2(15));
    /* products past 64 bits: near 2^40 2^82 / 2^120 */
    assert_true(fabs(ac_ngram_pmi(1ull << 40, 1ull << 41, two, 3) - 2) < 1e-9);
}

/* ---- counting, against counting by hand ---- */

enum { WORDS = 20000, VOCABULARY = 60 };

typedef struct fixture {
    ac_ngram_runs runs;
    ac_ngram_counter counter;
    int64_t flushes;
} fixture;

static ac_status
spill(void *context, const ac_ngram_counter *counter)
{
    fixture *self = context;

    self->flushes++;
    return ac_ngram_runs_spill(&self->runs, counter);
}

static int text_words[WORDS];

static const char *
name_of(int word)
{
    static char name[16];

    snprintf(name, sizeof name, "W%d", word);
    return name;
}

static void
make_text(ac_buffer *text)
{
    for (int i = 0; i < WORDS; i++) {
        const double u = ac_random_uniform(7, 1, (uint32_t) i, 0);
        text_words[i] = (int) (u * u * VOCABULARY);
        ac_buffer_push_text(text, name_of(text_words[i]));
        ac_buffer_push_char(text, i % 13 == 0 ? '\n' : ' ');
    }
    assert_int_equal(text->status, AC_OK);
}

/* How often n words beginning with text_words[i] occur, and where first: by looking everywhere.
 */
static int64_t
count_ref(int i, int n, int64_t *first)
{
    int64_t count = 0;

    *first = -1;
    for (int k = 0; k + n <= WORDS; k++) {
        if (memcmp(text_words + k, text_words + i, (size_t) n * sizeof *text_words) != 0)
            continue;
        if (*first < 0)
            *first = k;
        count++;
    }
    return count;
}

static void
check_counts(int64_t memory, int64_t keep, int64_t least_flushes)
{
    fixture f = { .runs = { .folder = "." } };
    const ac_ngram_options options = { .pairs = true,
                                       .triples = true,
                                       .lower = true,
                                       .memory = memory,
                                       .flush = spill,
                                       .context = &f };
    ac_buffer text = { 0 }, records = { 0 }, key = { 0 };
    ac_ngram_merge merge = { 0 };

    make_text(&text);
    assert_int_equal(ac_ngram_counter_init(&f.counter, &options), AC_OK);
    ac_ngram_counter_begin(&f.counter, 0);
    assert_int_equal(ac_ngram_counter_add(&f.counter, text.data, text.size), AC_OK);
    assert_int_equal(f.counter.position, WORDS);
    assert_int_equal(ac_ngram_runs_finish(&f.runs, &f.counter, keep), AC_OK);
    assert_true(f.flushes >= least_flushes);
    for (int kind = 0; kind < 3; kind++) {
        int64_t sum = 0;
        ac_ngram_merge_reset(&merge);
        for (int p = 0; p < AC_NGRAM_PREFIXES;
             p += 512) { /* bucket by bucket: no n-gram is in two */
            const int64_t before = merge.count;
            ac_buffer_reset(&records);
            assert_int_equal(ac_ngram_runs_read(&f.runs, kind, p, p + 512, &records), AC_OK);
            assert_int_equal(ac_ngram_merge_add(&merge, records.data, records.size), AC_OK);
            assert_true(p == 0 || merge.count > before);
        }
        for (int64_t i = 0; i < merge.count; i++)
            sum += (int64_t) merge.sums[i].count;
        assert_int_equal(sum, WORDS - kind);
        for (int i = 0; i < WORDS - kind; i += 397) {
            const ac_ngram_sum *found;
            int64_t first;
            const int64_t count = count_ref(i, kind + 1, &first);
            ac_buffer_reset(&key);
            for (int k = 0; k <= kind; k++) {
                char lower[16];
                snprintf(lower, sizeof lower, "w%d", text_words[i + k]);
                push_key_word(&key, lower);
            }
            assert_non_null(found = ac_ngram_merge_find(&merge, key.data, (uint32_t) key.size));
            assert_int_equal(found->count, count);
            assert_int_equal(found->first, kind == 0 ? first : 0);
        }
    }
    ac_ngram_merge_free(&merge);
    ac_ngram_counter_free(&f.counter);
    ac_ngram_runs_free(&f.runs);
    ac_buffer_free(&text);
    ac_buffer_free(&records);
    ac_buffer_free(&key);
}

static void
counts_in_any_memory(void **state)
{
    (void) state;
    check_counts(1 << 26, 1 << 26, 0); /* all in memory */
    check_counts(1 << 26, 0, 0);       /* one run */
    check_counts(1, 0, 50);            /* a run for each batch */
    check_counts(250000, 1 << 20, 2);  /* runs, and the last part in memory */
}

static void
best_are_kept(void **state)
{
    ac_ngram_best best = { .most = 700, .words = 1 };
    ac_buffer key = { 0 };
    double last = INFINITY;
    uint64_t last_first = 0;

    (void) state;
    for (uint32_t i = 0; i < 20000; i++) {
        const double score =
            floor(ac_random_uniform(3, 2, i, 0) * 500); /* many ties: the first seen wins */
        ac_buffer_reset(&key);
        push_key_word(&key, name_of((int) i));
        assert_int_equal(ac_ngram_best_push(&best, score, 1, i, key.data, (uint32_t) key.size),
                         AC_OK);
    }
    assert_int_equal(ac_ngram_best_finish(&best), AC_OK);
    assert_int_equal(best.count, 700);
    for (int64_t i = 0; i < best.count; i++) {
        assert_true(best.items[i].score < last ||
                    (best.items[i].score == last && best.items[i].first > last_first));
        last = best.items[i].score;
        last_first = best.items[i].first;
    }
    for (uint32_t i = 0, better = 0; i < 20000; i++) { /* nothing that is better was lost */
        const double score = floor(ac_random_uniform(3, 2, i, 0) * 500);
        better += score > last || (score == last && i <= last_first);
        if (i == 19999)
            assert_int_equal(better, 700);
    }
    ac_ngram_best_free(&best);
    ac_buffer_free(&key);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_as_python), cmocka_unit_test(order_of_keys),
        cmocka_unit_test(pmi_in_its_form), cmocka_unit_test(counts_in_any_memory),
        cmocka_unit_test(best_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
