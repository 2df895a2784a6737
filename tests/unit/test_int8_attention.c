/* Attention with integer products: every kernel set's bits against the generic set's, and these
 * against the softmax in double; keys and values against their definition; rows that are not
 * finite; an image alone and among others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/random.h"
#include "engine/kernels/int8.h"
#include "engine/kernels/int8_attention.h"
#include "engine/kernels/kernel_set.h"
#include "engine/kernels/kernels.h"

enum { SEED = 59 };

static float
uniform(uint32_t stream, int64_t i)
{
    return (float) (2 * ac_random_uniform(SEED, stream, (uint32_t) (i >> 20),
                                          (uint32_t) (i & 0xfffff)) -
                    1);
}

/* Queries and keys of size `sharp`; keys and values with an offset that all positions share. */
static void
draw(float *qkv, int64_t T, int64_t C, float sharp, uint32_t stream)
{
    for (int64_t i = 0; i < T * 3 * C; i++) {
        const int64_t part = i % (3 * C) / C;
        const float offset = uniform(stream + 1, i % (3 * C));
        qkv[i] = uniform(stream, i) * (part == 2 ? 1 : sharp) + (part == 0 ? 0 : 3 * offset);
    }
}

static void
attend(float *y, const float *qkv, const int64_t *offsets, int64_t B, int64_t H, int64_t D)
{
    ac_scratch scratch = { 0 };
    int64_t longest = 0;

    for (int64_t b = 0; b < B; b++)
        longest = offsets[b + 1] - offsets[b] > longest ? offsets[b + 1] - offsets[b] : longest;
    assert_int_equal(
        ac_scratch_init(&scratch, ac_int8_self_attention_scratch_bytes(longest, D)), AC_OK);
    memset(scratch.base, 0x5a, scratch.size);
    ac_int8_self_attention(y, qkv, offsets, B, H, D, &scratch);
    ac_scratch_free(&scratch);
}

/* The root mean square of y - exact over that of exact's deviation from each column's mean, and
 * of 1e-3, where all rows are alike but for fp32's rounding. */
static double
error_of(const float *y, const float *exact, int64_t T, int64_t C)
{
    double wrong = 0, all = 1e-6 * (double) (T * C);

    for (int64_t c = 0; c < C; c++) {
        double mean = 0;
        for (int64_t t = 0; t < T; t++)
            mean += (double) exact[t * C + c] / (double) T;
        for (int64_t t = 0; t < T; t++) {
            wrong += pow((double) y[t * C + c] - (double) exact[t * C + c], 2);
            all += pow((double) exact[t * C + c] - mean, 2);
        }
    }
    return sqrt(wrong / all);
}

/* x [T, D] of rows `stride` apart less its mean over T, as columns [T, D] or [D, T]. */
static void
centre(float *to, float *means, const float *x, int64_t stride, int64_t T, int64_t D,
       bool transposed)
{
    for (int64_t d = 0; d < D; d++) {
        double sum = 0;
        for (int64_t t = 0; t < T; t++)
            sum += (double) x[t * stride + d];
        means[d] = (float) (sum / (double) T);
        for (int64_t t = 0; t < T; t++)
            to[transposed ? d * T + t : t * D + d] = x[t * stride + d] - means[d];
    }
}

/* The definition of int8_attention.h, one head: rounded as ac_int8_ref and its weights are, all
 * else in double. */
static void
define(float *y, const float *qkv, int64_t T, int64_t C, int64_t D)
{
    float *q = malloc((size_t) (T * D) * sizeof *q), *x = calloc((size_t) (T * D), sizeof *x),
          *scores = malloc((size_t) (T * T) * sizeof *scores), means[256];

    for (int64_t i = 0; i < T * D; i++)
        q[i] = qkv[i / D * 3 * C + i % D];
    centre(x, means, qkv + C, 3 * C, T, D, false);
    ac_int8_ref(scores, q, x, NULL, NULL, T, T, D);
    centre(x, means, qkv + 2 * C, 3 * C, T, D, true);
    for (int64_t r = 0; r < T; r++) {
        double most = -INFINITY, sum = 0;
        for (int64_t t = 0; t < T; t++)
            most = fmax(most, (double) scores[r * T + t]);
        for (int64_t t = 0; t < T; t++) {
            const double e = exp(((double) scores[r * T + t] - most) / sqrt((double) D));
            sum += e;
            scores[r * T + t] = (float) nearbyint(255 * e);
        }
        for (int64_t d = 0; d < D; d++) {
            double largest = 0, total = 0;
            for (int64_t t = 0; t < T; t++)
                largest = fmax(largest, fabs((double) x[d * T + t]));
            for (int64_t t = 0; t < T && largest > 0; t++)
                total += (double) scores[r * T + t] *
                         nearbyint((double) x[d * T + t] * 127 / largest);
            y[r * C + d] = (float) ((double) means[d] + total * (largest / 127) / (255 * sum));
        }
    }
    free(q);
    free(x);
    free(scores);
}

/* A number that lies between two integers may be rounded to the other one here. */
static void
check_definition(const float *y, const float *qkv, int64_t T, int64_t H, int64_t D)
{
    const int64_t C = H * D;
    float *defined = malloc((size_t) (T * C) * sizeof *defined);

    for (int64_t h = 0; h < H; h++)
        define(defined + h * D, qkv + h * D, T, C, D);
    if (T > 4 && !(error_of(y, defined, T, C) <= 0.002))
        fail_msg("%lld positions, %lld x %lld: error %g to the definition", (long long) T,
                 (long long) H, (long long) D, error_of(y, defined, T, C));
    free(defined);
}

static void
compare(int64_t T, int64_t H, int64_t D, float sharp, double most)
{
    const int64_t C = H * D, offsets[] = { 0, T, T + (T + 1) / 2 }, all = offsets[2];
    float *qkv = malloc((size_t) (all * 3 * C) * sizeof *qkv),
          *exact = malloc((size_t) (all * C) * sizeof *exact),
          *generic = malloc((size_t) (all * C) * sizeof *generic),
          *y = malloc((size_t) (all * C) * sizeof *y);
    int count;
    const ac_kernel_set *sets = ac_kernel_sets(&count);

    draw(qkv, all, C, sharp, 1);
    ac_self_attention_ref(exact, qkv, offsets, 2, H, D, false);
    for (int s = count - 1; s >= 0; s--) {
        if (!ac_cpu_has(sets[s].instructions))
            continue;
        assert_int_equal(ac_kernels_use(sets[s].name), AC_OK);
        memset(y, 0x5a, (size_t) (all * C) * sizeof *y);
        attend(y, qkv, offsets, 2, H, D);
        if (s == count - 1) {
            memcpy(generic, y, (size_t) (all * C) * sizeof *y);
            check_definition(y, qkv, T, H, D);
            if (T > 4 && !(error_of(y, exact, all, C) <= most))
                fail_msg("%lld positions, %lld x %lld, sharp %g: error %g", (long long) T,
                         (long long) H, (long long) D, (double) sharp,
                         error_of(y, exact, all, C));
        }
        if (memcmp(y, generic, (size_t) (all * C) * sizeof *y) != 0)
            fail_msg("%lld positions, %lld x %lld: %s and generic differ", (long long) T,
                     (long long) H, (long long) D, sets[s].name);
        attend(y, qkv + T * 3 * C, (int64_t[]){ 0, all - T }, 1, H, D); /* the second alone */
        assert_memory_equal(y, generic + T * C, (size_t) ((all - T) * C) * sizeof *y);
    }
    assert_int_equal(ac_kernels_use(NULL), AC_OK);
    free(qkv);
    free(exact);
    free(generic);
    free(y);
}

static void
sets_agree(void **state)
{
    static const int64_t positions[] = { 1, 2, 3, 15, 16, 17, 31, 33, 50, 64, 65, 197 },
                         heads[] = { 16, 32, 48, 64, 80 };

    (void) state;
    for (size_t t = 0; t < sizeof positions / sizeof *positions; t++)
        for (size_t d = 0; d < sizeof heads / sizeof *heads; d++)
            compare(positions[t], 2, heads[d], 1, 0.05);
}

/* From weights that are all alike to one weight of nearly 1. */
static void
near_the_softmax(void **state)
{
    static const float sharp[] = { 0.01f, 0.3f, 1, 2, 3 };

    (void) state;
    for (size_t i = 0; i < sizeof sharp / sizeof *sharp; i++)
        compare(197, 1, 64, sharp[i], 0.05);
}

/* ---- packed keys and values ---- */

static int
weight_at(const ac_int8_matrix *m, int64_t column, int64_t k)
{
    return m->weights[column / AC_INT8_PANEL * AC_INT8_PANEL * m->depth +
                      k / 4 * 4 * AC_INT8_PANEL + column % AC_INT8_PANEL * 4 + k % 4];
}

/* Each number within half a scale of what it was, the largest is 127 scales, sums fit. */
static void
check_matrix(const void *packed, const float *x, const float *means, int64_t columns, int64_t K,
             int64_t by_column, int64_t by_k, bool mean_by_column)
{
    const ac_int8_matrix m = ac_int8_view(packed, columns, K, 0);

    for (int64_t c = 0; c < columns; c++) {
        int32_t sum = 0, most = 0;
        for (int64_t k = 0; k < m.depth; k++) {
            const int q = weight_at(&m, c, k);
            const float v =
                k < K ? x[c * by_column + k * by_k] - means[mean_by_column ? c : k] : 0;
            sum += q;
            most = abs(q) > most ? abs(q) : most;
            if (!(fabsf((float) q * m.scales[c] - v) <= 0.5001f * m.scales[c]))
                fail_msg("column %lld, number %lld: %d times %g is not %g", (long long) c,
                         (long long) k, q, (double) m.scales[c], (double) v);
        }
        assert_int_equal(sum, m.sums[c]);
        assert_int_equal(most, 127);
    }
}

static void
packed_as_defined(void **state)
{
    enum { T = 37, D = 48, STRIDE = 3 * D };
    float x[T * STRIDE], means[D], expected[D];
    void *keys = aligned_alloc(64, (ac_int8_packed_bytes(T, D) + 63) / 64 * 64),
         *values = aligned_alloc(64, (ac_int8_packed_bytes(D, T) + 63) / 64 * 64);
    int count;
    const ac_kernel_set *sets = ac_kernel_sets(&count);

    (void) state;
    draw(x, T, D, 1, 3);
    for (int d = 0; d < D; d++) {
        expected[d] = 0;
        for (int t = 0; t < T; t++)
            expected[d] += x[t * STRIDE + d];
        expected[d] /= T;
    }
    for (int s = 0; s < count; s++) {
        if (!ac_cpu_has(sets[s].instructions))
            continue;
        memset(keys, 0x5a, ac_int8_packed_bytes(T, D));
        memset(values, 0x5a, ac_int8_packed_bytes(D, T));
        sets[s].int8->pack_keys(keys, x, STRIDE, T, D, 1);
        sets[s].int8->pack_values(values, means, x, STRIDE, T, D);
        assert_memory_equal(means, expected, sizeof means);
        check_matrix(keys, x, expected, T, D, STRIDE, 1, false);
        check_matrix(values, x, expected, D, T, 1, STRIDE, true);
    }
    free(keys);
    free(values);
}

/* A value that is not finite: its channel is NaN in every row; a query: its row; a key: all.
 * Zeros and numbers too small to matter give the mean. */
static void
odd_numbers(void **state)
{
    enum { T = 20, D = 16 };
    const int64_t offsets[] = { 0, T };
    float qkv[T * 3 * D], y[T * D];
    int count;
    const ac_kernel_set *sets = ac_kernel_sets(&count);

    (void) state;
    for (int s = 0; s < count; s++) {
        if (!ac_cpu_has(sets[s].instructions))
            continue;
        assert_int_equal(ac_kernels_use(sets[s].name), AC_OK);
        draw(qkv, T, D, 1, 5);
        qkv[7 * 3 * D + 2 * D + 3] = INFINITY;
        qkv[4 * 3 * D + 5] = NAN;
        attend(y, qkv, offsets, 1, 1, D);
        for (int i = 0; i < T * D; i++)
            assert_int_equal(isnan(y[i]) != 0, i % D == 3 || i / D == 4);
        draw(qkv, T, D, 1, 5);
        qkv[9 * 3 * D + D] = -INFINITY;
        attend(y, qkv, offsets, 1, 1, D);
        for (int i = 0; i < T * D; i++)
            assert_true(isnan(y[i]));
        memset(qkv, 0, sizeof qkv);
        attend(y, qkv, offsets, 1, 1, D);
        for (int i = 0; i < T * D; i++)
            assert_true(y[i] == 0);
        for (int i = 0; i < T * 3 * D; i++)
            qkv[i] = i % 2 ? 1e-42f : -1e-42f;
        attend(y, qkv, offsets, 1, 1, D);
        for (int i = 0; i < T * D; i++)
            assert_true(fabsf(y[i]) <= 1e-41f);
    }
    assert_int_equal(ac_kernels_use(NULL), AC_OK);
    assert_true(ac_int8_attention_has(197, 64));
    assert_false(ac_int8_attention_has(197, 88));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_agree),
        cmocka_unit_test(near_the_softmax),
        cmocka_unit_test(packed_as_defined),
        cmocka_unit_test(odd_numbers),
    };
    int count;
    const ac_kernel_set *sets = ac_kernel_sets(&count);

    print_message("seed %d\n", SEED);
    for (int s = 0; s < count; s++)
        if (!ac_cpu_has(sets[s].instructions))
            print_message("%s: SKIPPED, this CPU does not run it\n", sets[s].name);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
