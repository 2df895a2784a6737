/* Every pair that reaches a threshold: ids and scores are brute force's, to the bit, for every
 * kernel set, width, kind of vectors and size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "engine/kernels/kernel_set.h"
#include "engine/linear/compute.h"
#include "engine/retrieval/exact.h"
#include "engine/retrieval/pairs.h"

static const uint64_t seed = 20261128;

typedef enum kind { RANDOM = 0, CROWDED, EQUAL, LONG, ZEROS, VAST, KINDS } kind;

static const char *const names[KINDS] = {
    "random", "crowded", "equal", "long", "zeros", "huge"
};

static float
draw(uint64_t stream, int64_t a, int64_t b)
{
    return (float) (2 * ac_random_uniform(seed, stream, (uint32_t) a, (uint32_t) b) - 1);
}

static void
fill(float *x, kind what, int64_t n, int64_t D)
{
    for (int64_t i = 0; i < n; i++) {
        float *row = x + i * D;
        double norm = 0;
        for (int64_t d = 0; d < D; d++) {
            row[d] = draw(1, i, d);
            if (what == CROWDED) /* groups of near duplicates, some equal */
                row[d] = draw(2, i % (n / 3 + 1), d) + 0.08f * (float) (i % 3) * row[d];
            if (what == EQUAL)
                row[d] = draw(2, 0, d);
            norm += (double) row[d] * (double) row[d];
        }
        for (int64_t d = 0; d < D; d++) {
            if (what <= EQUAL && norm > 0)
                row[d] = (float) ((double) row[d] / sqrt(norm));
            if (what == LONG)
                row[d] *= powf(10, 3 * draw(3, i, 0));
            if (what == ZEROS && i % 3)
                row[d] = 0;
            if (what == VAST)
                row[d] *= i % 4 == 1 ? 1e30f : i % 4 == 2 ? 1e-30f : 1;
        }
    }
}

/* In order of a, then b. */
static void
brute(ac_pair_list *out, const float *x, int64_t n, int64_t D, double threshold)
{
    for (int64_t a = 0; a < n; a++)
        for (int64_t b = a + 1; b < n; b++) {
            const float score = ac_exact_score(x + a * D, x + b * D, D);
            if (!(score >= (float) threshold))
                continue;
            assert_int_equal(
                ac_grow(&out->items, &out->capacity, out->count + 1, sizeof *out->items),
                AC_OK);
            out->items[out->count++] = (ac_pair){ a, b, score };
        }
}

static void
compare(kind what, int64_t n, int64_t D, double threshold)
{
    float *x;
    ac_pairs pairs = { 0 };
    ac_pair_list wanted = { 0 }, got = { 0 };

    assert_int_equal(ac_alloc_aligned(&x, n * D, sizeof *x), AC_OK);
    fill(x, what, n, D);
    brute(&wanted, x, n, D, threshold);
    assert_int_equal(ac_pairs_init(&pairs, x, n, D, threshold), AC_OK);
    for (int64_t first = 0; first < n; first += AC_PAIRS_ROWS)
        assert_int_equal(ac_pairs_find(&pairs, first,
                                       n - first < AC_PAIRS_ROWS ? n - first : AC_PAIRS_ROWS,
                                       INT64_MAX, &got),
                         AC_OK);
    if (got.count != wanted.count)
        fail_msg("%s, %lld x %lld, threshold %g, %s: %lld pairs, wanted %lld", names[what],
                 (long long) n, (long long) D, threshold, ac_pairs_scan(&pairs),
                 (long long) got.count, (long long) wanted.count);
    for (int64_t i = 0; i < got.count; i++) {
        assert_int_equal(got.items[i].a, wanted.items[i].a);
        assert_int_equal(got.items[i].b, wanted.items[i].b);
        assert_memory_equal(&got.items[i].score, &wanted.items[i].score, sizeof(float));
    }
    ac_pairs_free(&pairs);
    ac_pair_list_free(&wanted);
    ac_pair_list_free(&got);
    free(x);
}

static void
test_brute_force(void **state)
{
    static const int64_t sizes[] = { 0, 1, 2, 15, 16, 17, 33, 100, 700 };
    static const int64_t widths[] = { 1, 3, 60, 64, 192 };
    int sets;
    const ac_kernel_set *set = ac_kernel_sets(&sets);

    (void) state;
    for (int i = 0; i < sets; i++) {
        if (ac_kernels_use(set[i].name) != AC_OK)
            continue;
        for (int what = 0; what < KINDS; what++)
            for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
                for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
                    if (sizes[s] * widths[w] > 20000 && what == EQUAL)
                        continue;
                    compare((kind) what, sizes[s], widths[w], 0.95);
                    if (sizes[s] <= 33) {
                        compare((kind) what, sizes[s], widths[w], -1);
                        compare((kind) what, sizes[s], widths[w], 0);
                    }
                }
    }
    assert_int_equal(ac_kernels_use("auto"), AC_OK);
}

/* One unit in the last place around the threshold. */
static void
test_border(void **state)
{
    enum { N = 40, D = 64 };
    float x[N * D];

    (void) state;
    fill(x, CROWDED, N, D);
    for (int i = 1; i < N; i++) {
        const float score = ac_exact_score(x, x + i * D, D);
        for (int step = -1; step <= 1; step++) {
            const double threshold =
                (double) (step ? nextafterf(score, (float) step * 9) : score);
            ac_pairs pairs = { 0 };
            ac_pair_list got = { 0 };
            bool found = false;
            assert_int_equal(ac_pairs_init(&pairs, x, N, D, threshold), AC_OK);
            assert_int_equal(ac_pairs_find(&pairs, 0, 1, INT64_MAX, &got), AC_OK);
            for (int64_t p = 0; p < got.count; p++)
                found = found || (got.items[p].a == 0 && got.items[p].b == i);
            assert_int_equal(found, step <= 0);
            ac_pairs_free(&pairs);
            ac_pair_list_free(&got);
        }
    }
}

/* A score as it is written, with nine digits, is a threshold that its pair reaches. */
static void
test_written(void **state)
{
    enum { N = 40, D = 64 };
    float x[N * D];
    int above = 0;

    (void) state;
    fill(x, CROWDED, N, D);
    for (int i = 1; i < N; i++) {
        const float score = ac_exact_score(x, x + i * D, D);
        ac_pairs pairs = { 0 };
        ac_pair_list got = { 0 };
        char text[32];
        bool found = false;
        snprintf(text, sizeof text, "%.9g", (double) score);
        above += strtod(text, NULL) > (double) score;
        assert_int_equal(ac_pairs_init(&pairs, x, N, D, strtod(text, NULL)), AC_OK);
        assert_int_equal(ac_pairs_find(&pairs, 0, 1, INT64_MAX, &got), AC_OK);
        for (int64_t p = 0; p < got.count; p++)
            found = found || (got.items[p].a == 0 && got.items[p].b == i);
        assert_true(found);
        ac_pairs_free(&pairs);
        ac_pair_list_free(&got);
    }
    assert_true(above > 0);
}

static void
test_limit(void **state)
{
    enum { N = 40, D = 64, ALL = N * (N - 1) / 2 };
    float x[N * D];
    ac_pairs pairs = { 0 };
    ac_pair_list got = { 0 };

    (void) state;
    fill(x, EQUAL, N, D);
    assert_int_equal(ac_pairs_init(&pairs, x, N, D, 0.5), AC_OK);
    assert_int_equal(ac_pairs_find(&pairs, 0, N, ALL, &got), AC_OK);
    assert_int_equal(got.count, ALL);
    got.count = 0;
    assert_int_equal(ac_pairs_find(&pairs, 0, N, ALL - 1, &got), AC_E_LIMIT);
    ac_pairs_free(&pairs);
    ac_pair_list_free(&got);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_brute_force),
        cmocka_unit_test(test_border),
        cmocka_unit_test(test_written),
        cmocka_unit_test(test_limit),
    };

    ac_compute_init(3);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
