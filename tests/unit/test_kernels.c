/* The vector loops of every instruction set against their definitions, their multiply-add
 * against fmaf() bit for bit; attention and layer norm against the plain versions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/random.h"
#include "engine/kernels/activation.h"
#include "engine/linear/compute.h"
#include "engine/kernels/kernels.h"
#include "engine/kernels/kernel_set.h"
#include "engine/kernels/vector.h"
#include "tests/support/golden.h"

enum { SEED = 43, LONGEST = 131, TABLES = 3 };

static void
draw(float *x, int64_t n, uint32_t stream, double size)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = (float) (size * (2 * ac_random_uniform(SEED, stream, 0, (uint32_t) i) - 1));
}

static int
tables(const ac_vector *out[TABLES])
{
    int n = 0, count;
    const ac_kernel_set *sets = ac_kernel_sets(&count);

    for (int i = 0; i < count; i++)
        if (ac_cpu_has(sets[i].instructions) &&
            (n == 0 || out[n - 1] != sets[i].vector)) /* two sets may share them */
            out[n++] = sets[i].vector;
    return n;
}

static void
close_to(const char *what, int64_t n, double y, double expected, double tolerance)
{
    if (!(fabs(y - expected) <= tolerance))
        fail_msg("%s, n %lld: %.9g, expected %.9g", what, (long long) n, y, expected);
}

/* Sums of n numbers of size 4, 16 and the like: n roundings of 2^-24 of the sum at most, a
 * random walk in fact. */
static void
check_sums(const ac_vector *v, int64_t n)
{
    float a[LONGEST + 1], b[LONGEST + 1], y[LONGEST + 1];
    double dot = 0, sum = 0, exps = 0, most = -INFINITY;

    draw(a, n, 1, 4);
    draw(b, n, 2, 4);
    for (int64_t i = 0; i < n; i++) {
        dot += (double) a[i] * (double) b[i];
        sum += (double) a[i];
        exps += exp((double) (a[i] - 3.0f));
        most = (double) a[i] > most ? (double) a[i] : most;
    }
    close_to("dot", n, (double) v->dot(a, b, n), dot, 1e-5 * sqrt((double) n + 1));
    close_to("sum", n, (double) v->sum(a, n), sum, 2e-6 * sqrt((double) n + 1));
    if (n)
        close_to("largest", n, (double) v->largest(a, n), most, 0);
    else
        assert_true(v->largest(a, 0) == -INFINITY);
    close_to("sum_exp", n, (double) v->sum_exp(a, 3, n), exps, 5e-7 * exps);
    y[n] = 77;
    close_to("exp", n, (double) v->exp(y, a, 3, n), exps, 5e-7 * exps);
    for (int64_t i = 0; i < n; i++)
        close_to("exp", n, (double) y[i], exp((double) (a[i] - 3.0f)),
                 4e-7 * exp((double) (a[i] - 3.0f)));
    memcpy(y, a, sizeof y);
    y[n] = 77;
    v->axpy(y, 1.5f, b, n);
    for (int64_t i = 0; i < n; i++)
        close_to("axpy", n, (double) y[i], (double) a[i] + 1.5 * (double) b[i], 2e-6);
    v->add(y, a, n);
    v->scale(y, 2, n);
    v->shift(y, 1, 0.5f, n);
    for (int64_t i = 0; i < n; i++)
        close_to("add, scale, shift", n, (double) y[i],
                 2 * (2 * (double) a[i] + 1.5 * (double) b[i]) - 1.5, 1e-5);
    assert_true(y[n] == 77); /* nothing past the end */
}

static void
check_activations(const ac_vector *v)
{
    static const float special[] = { 0,  -0.0f, 1e-30f, -1e-30f, 20,   -20,
                                     60, -60,   200,    -200,    1e4f, -1e4f };
    enum { N = 2000, ALL = N + sizeof special / sizeof *special };
    const struct {
        ac_activation name;
        void (*loop)(float *, int64_t);
    } all[] = {
        { AC_ACTIVATION_GELU, v->gelu },
        { AC_ACTIVATION_GELU_NEW, v->gelu_new },
        { AC_ACTIVATION_QUICK_GELU, v->quick_gelu },
        { AC_ACTIVATION_RELU, v->relu },
        { AC_ACTIVATION_SILU, v->silu },
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        float x[ALL], y[ALL];
        draw(x, N, 3, 9);
        memcpy(x + N, special, sizeof special);
        memcpy(y, x, sizeof y);
        all[i].loop(y, ALL);
        for (int64_t k = 0; k < ALL;
             k++) /* erf of the formula used: 1.5e-7; a logistic function: some roundings */
            close_to("activation", k, (double) y[k],
                     ac_activation_ref(all[i].name, (double) x[k]),
                     6e-7 * (1 + fabs((double) x[k])));
        y[0] = NAN;
        all[i].loop(y, 1);
        assert_true(isnan(y[0]) || all[i].name == AC_ACTIVATION_RELU);
    }
}

static void
loops_as_defined(void **state)
{
    const ac_vector *all[TABLES];
    const int n = tables(all);

    (void) state;
    for (int i = 0; i < n; i++) {
        for (int64_t k = 0; k <= LONGEST; k++)
            check_sums(all[i], k);
        check_activations(all[i]);
        assert_true(all[i]->sum_exp((const float[]){ -INFINITY, 0 }, 0, 2) == 1);
    }
}

/* Floats of every size, infinities and NaN among them, and such with few bits, whose sums often
 * lie halfway between two floats. */
static float
awkward(uint32_t i, uint32_t what)
{
    const double u = ac_random_uniform(SEED, 10 + what, 0, i);
    const uint32_t any = (uint32_t) (u * 0x1p32), few = (any & 0x80070000) | 0x3f800000,
                   bits = i % 3 == 0   ? any
                          : i % 3 == 1 ? few
                                       : (any & 0x83ffffff) | 0x3c000000;
    float x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

enum { FUSED = 16 };

static void
check_multiply_add(const ac_vector *const all[], int n, float s, const float *x, const float *y)
{
    for (int t = 0; t < n; t++) {
        float z[FUSED];
        memcpy(z, y, sizeof z);
        all[t]->axpy(z, s, x, FUSED);
        for (int i = 0; i < FUSED; i++) {
            const float expected = fmaf(s, x[i], y[i]);
            if (memcmp(&z[i], &expected, sizeof expected) != 0 &&
                !(isnan(z[i]) && isnan(expected)))
                fail_msg("set %d: %a * %a + %a is %a, not %a", t, (double) s, (double) x[i],
                         (double) y[i], (double) z[i], (double) expected);
        }
    }
}

/* y += s x rounds once, in every set. */
static void
multiply_add_is_fused(void **state)
{
    static const float shares[] = { -1, 0x1p24f, -0x1p24f, 0x1p-24f, 0x1p-25f };
    const ac_vector *all[TABLES];
    const int n = tables(all);

    (void) state;
    for (uint32_t i = 0; i < 30000; i++) {
        const float s = awkward(i, 0), step = ldexpf(1, -15 - (int) (i % 8));
        float x[FUSED], y[FUSED];
        for (uint32_t j = 0; j < FUSED; j++) {
            x[j] = awkward(i * FUSED + j, 1);
            y[j] = j % 2 ? s * x[j] * shares[j / 2 % 5] : awkward(i * FUSED + j, 2);
        }
        check_multiply_add(all, n, s, x, y);
        /* half of y's last place, but for less than a double shows */
        for (uint32_t j = 0; j < FUSED; j++) {
            x[j] = j % 2 ? 1 - step : step - 1;
            y[j] = (float) (1 + ac_random_uniform(SEED, 15, i, j)) * (j % 4 < 2 ? 1 : -1);
        }
        check_multiply_add(all, n, 0x1p-24f * (1 + step), x, y);
    }
}

static void
layernorm_as_defined(void **state)
{
    static const int64_t widths[] = { 1, 3, 16, 33, 64, 100, 1024 };

    (void) state;
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
        const int64_t C = widths[w], N = 7;
        float *x = malloc((size_t) (N * C) * sizeof *x),
              *y = malloc((size_t) (N * C) * sizeof *x),
              *expected = malloc((size_t) (N * C) * sizeof *x);
        float *gamma = malloc((size_t) C * sizeof *x), *beta = malloc((size_t) C * sizeof *x);
        draw(x, N * C, 7, 3);
        draw(gamma, C, 8, 2);
        draw(beta, C, 9, 2);
        ac_layernorm_ref(expected, x, gamma, beta, N, C, 1e-5f);
        ac_layernorm(y, x, gamma, beta, N, C, 1e-5f);
        test_assert_close("layernorm", y, expected, N * C, 2e-6 * (C == 1 ? 10 : 1) * 4);
        free(x);
        free(y);
        free(expected);
        free(gamma);
        free(beta);
    }
}

static void
attention_as_defined(void **state)
{
    static const int64_t lengths[] = { 1, 2, 5, 6, 7, 15, 16, 17, 33, 50, 260 };
    enum { B = sizeof lengths / sizeof *lengths };
    static const int64_t heads[][2] = { { 1, 1 }, { 2, 8 }, { 3, 20 }, { 2, 64 }, { 1, 300 } };
    int64_t offsets[B + 1] = { 0 };

    (void) state;
    for (int b = 0; b < B; b++)
        offsets[b + 1] = offsets[b] + lengths[b];
    for (size_t h = 0; h < sizeof heads / sizeof *heads; h++) {
        const int64_t H = heads[h][0], D = heads[h][1], C = H * D, T = offsets[B];
        float *qkv = malloc((size_t) (T * 3 * C) * sizeof *qkv),
              *y = malloc((size_t) (T * C) * sizeof *y);
        float *again = malloc((size_t) (T * C) * sizeof *y),
              *expected = malloc((size_t) (T * C) * sizeof *y);
        ac_scratch scratch = { 0 };
        draw(qkv, T * 3 * C, 10, 2);
        for (int causal = 0; causal < 2; causal++) {
            ac_self_attention_ref(expected, qkv, offsets, B, H, D, causal);
            for (int threads = 1; threads <= 3; threads += 2) {
                omp_set_num_threads(threads);
                assert_int_equal(
                    ac_scratch_reserve(&scratch, ac_self_attention_scratch_bytes(260, D)),
                    AC_OK);
                ac_self_attention(threads == 1 ? y : again, qkv, offsets, B, H, D, causal,
                                  &scratch);
            }
            /* scores of size sqrt(D), wrong by some 2^-24 of it; weights sum to 1; values of
             * size 2 */
            test_assert_close("attention", y, expected, T * C, 1e-6 * sqrt((double) D) + 1e-6);
            assert_memory_equal(y, again, (size_t) (T * C) * sizeof *y);
        }
        ac_scratch_free(&scratch);
        free(qkv);
        free(y);
        free(again);
        free(expected);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loops_as_defined),
        cmocka_unit_test(multiply_add_is_fused),
        cmocka_unit_test(layernorm_as_defined),
        cmocka_unit_test(attention_as_defined),
    };

    ac_compute_init(2);
    print_message("seed %d\n", SEED);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
