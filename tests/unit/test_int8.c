/* int8 products: every kernel set against the definition, bit for bit, at shapes with tails;
 * layers with outliers, zeros, denormals; rows that are not finite. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/random.h"
#include "engine/kernels/int8.h"
#include "engine/kernels/kernel_set.h"

enum { SEED = 53 };

typedef enum kind {
    PLAIN,
    POSITIVE,
    OUTLIERS,
    ZEROS,
    TINY,
    HUGE_RANGE,
    NOT_FINITE,
    KINDS
} kind;

static const char *const kinds[KINDS] = { "plain", "positive", "outliers",  "zero rows",
                                          "tiny",  "huge",     "not finite" };

static void
draw(float *x, int64_t rows, int64_t n, uint32_t stream, kind k)
{
    for (int64_t i = 0; i < rows * n; i++) {
        const float u = (float) ac_random_uniform(SEED, stream, (uint32_t) (i >> 20),
                                                  (uint32_t) (i & 0xfffff));
        x[i] = k == POSITIVE ? u : 2 * u - 1;
        if (k == OUTLIERS)
            x[i] = i % n == i / n % n ? 1000 * x[i] : i % 3 ? 0.001f * x[i] : -0.0f;
        if (k == ZEROS && i / n % 2 == 0)
            x[i] = i % n == n / 2 && i / n % 4 == 0 ? -3 : 0; /* one outlier, or none */
        if (k == TINY)
            x[i] *= 1e-42f;
        if (k == HUGE_RANGE)
            x[i] *= 3e38f;
    }
}

/* y of all sets that run here, against the definition. */
static void
compare(int64_t M, int64_t N, int64_t K, kind rows, kind columns, bool with_residual)
{
    const size_t floats = (size_t) (M * N) * sizeof(float);
    float *x = malloc((size_t) (M * K) * sizeof *x), *w = malloc((size_t) (N * K) * sizeof *w);
    float *bias = malloc((size_t) N * sizeof *bias), *residual = malloc(floats),
          *expected = malloc(floats), *y = malloc(floats), *steps = malloc((size_t) M * 4);
    int32_t *zeros = malloc((size_t) M * 4);
    void *packed = aligned_alloc(64, (ac_int8_packed_bytes(N, K) + 63) / 64 * 64);
    void *q = aligned_alloc(64, (size_t) M * ac_int8_row_bytes(K));
    int count;
    const ac_kernel_set *sets = ac_kernel_sets(&count);

    draw(x, M, K, 1, rows);
    draw(w, N, K, 2, columns);
    draw(bias, 1, N, 3, PLAIN);
    draw(residual, M, N, 4, PLAIN);
    if (rows == NOT_FINITE)
        x[K / 2] = NAN, x[M * K - 1] = M > 1 ? -INFINITY : NAN;
    ac_int8_ref(expected, x, w, bias, with_residual ? residual : NULL, M, N, K);
    ac_int8_pack(packed, N, K, w, K, 0, N);
    for (int s = 0; s < count; s++) {
        const ac_int8_rows quantized = { q, steps, zeros, ac_int8_row_bytes(K) };
        const ac_int8_matrix matrix = ac_int8_view(packed, N, K, 0);
        const ac_int8_result result = { y, bias, NULL, with_residual ? residual : NULL,
                                        N, M,    N,    AC_ACTIVATION_NONE };
        if (!ac_cpu_has(sets[s].instructions))
            continue;
        memset(y, 0x5a, floats);
        memset(q, 0x5a, (size_t) M * ac_int8_row_bytes(K));
        sets[s].int8->quantize(&quantized, x, K, M, K);
        sets[s].int8->multiply(&result, &quantized, &matrix);
        for (int64_t i = 0; i < M * N; i++)
            if (memcmp(&y[i], &expected[i], sizeof *y) != 0 &&
                !(isnan(y[i]) && isnan(expected[i])))
                fail_msg(
                    "%s, %lld x %lld x %lld, rows %s, columns %s: y[%lld, %lld] is %a, not "
                    "%a",
                    sets[s].name, (long long) M, (long long) N, (long long) K, kinds[rows],
                    kinds[columns], (long long) (i / N), (long long) (i % N), (double) y[i],
                    (double) expected[i]);
        if (rows == NOT_FINITE)
            assert_true(isnan(y[0]) && isnan(y[M * N - 1]));
    }
    free(x);
    free(w);
    free(bias);
    free(residual);
    free(expected);
    free(y);
    free(steps);
    free(zeros);
    free(packed);
    free(q);
}

static void
as_defined(void **state)
{
    static const int64_t rows[] = { 1, 2, 3, 5, 6, 7, 11, 12, 13, 15, 16, 17, 31, 32, 33, 97 };
    static const int64_t shapes[][2] = { { 1, 1 },   { 7, 3 },    { 16, 64 },  { 33, 65 },
                                         { 31, 63 }, { 64, 128 }, { 47, 200 }, { 96, 257 } };

    (void) state;
    for (size_t m = 0; m < sizeof rows / sizeof *rows; m++)
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
            compare(rows[m], shapes[s][0], shapes[s][1], (m + s) % 2 ? PLAIN : POSITIVE, PLAIN,
                    s % 2);
}

static void
odd_numbers(void **state)
{
    (void) state;
    for (int rows = 0; rows < KINDS; rows++)
        for (int columns = 0; columns < HUGE_RANGE; columns++)
            compare(9, 40, 130, (kind) rows, (kind) columns, rows % 2);
    compare(3, 33, 40, PLAIN, HUGE_RANGE, false);
}

/* The largest sums that there are: every product 255 * 127, as many as are allowed. */
static void
nothing_saturates(void **state)
{
    enum { K = AC_INT8_MOST_IN, N = 33, M = 2 };
    float *x = malloc(M * K * sizeof *x), *w = malloc(N * K * sizeof *w), y[M * N],
          bias[N] = { 0 }, steps[M];
    int32_t zeros[M];
    void *packed = aligned_alloc(64, (ac_int8_packed_bytes(N, K) + 63) / 64 * 64),
         *q = aligned_alloc(64, M * ac_int8_row_bytes(K));
    int count;
    const ac_kernel_set *sets = ac_kernel_sets(&count);

    (void) state;
    for (int i = 0; i < M * K; i++)
        x[i] = i < K ? 1 : -1;
    for (int i = 0; i < N * K; i++)
        w[i] = i / K % 2 ? 1 : -1;
    ac_int8_pack(packed, N, K, w, K, 0, N);
    for (int s = 0; s < count; s++) {
        const ac_int8_rows quantized = { q, steps, zeros, ac_int8_row_bytes(K) };
        const ac_int8_matrix matrix = ac_int8_view(packed, N, K, 0);
        const ac_int8_result result = { y, bias, NULL, NULL, N, M, N, AC_ACTIVATION_NONE };
        if (!ac_cpu_has(sets[s].instructions))
            continue;
        sets[s].int8->quantize(&quantized, x, K, M, K);
        sets[s].int8->multiply(&result, &quantized, &matrix);
        for (int i = 0; i < M * N; i++) {
            const float sign = (i < N ? 1.0f : -1.0f) * (i % N % 2 ? 1.0f : -1.0f);
            if (!(fabsf(y[i] - sign * K) <= 1e-6f * K))
                fail_msg("%s: y[%d] is %g", sets[s].name, i, (double) y[i]);
        }
    }
    free(x);
    free(w);
    free(packed);
    free(q);
}

/* ---- activations ---- */

/* One row of ones and one column per number of x: y = activation(x), by bias alone. */
static void
activate(float *y, const float *x, int64_t n, ac_activation activation, const ac_int8 *kernels)
{
    enum { K = 64 };
    float row[K] = { 0 }, step;
    int32_t zero;
    void *packed = aligned_alloc(64, (ac_int8_packed_bytes(n, K) + 63) / 64 * 64),
         *q = aligned_alloc(64, ac_int8_row_bytes(K));
    float *weights = calloc((size_t) (n * K), sizeof *weights);
    const ac_int8_rows rows = { q, &step, &zero, ac_int8_row_bytes(K) };
    const ac_int8_result result = { y, x, NULL, NULL, n, 1, n, activation };

    ac_int8_pack(packed, n, K, weights, K, 0, n);
    const ac_int8_matrix matrix = ac_int8_view(packed, n, K, 0);
    kernels->quantize(&rows, row, K, 1, K);
    kernels->multiply(&result, &rows, &matrix);
    free(packed);
    free(q);
    free(weights);
}

static void
activations_near_and_equal(void **state)
{
    enum { N = 4001 };
    float x[N], y[N], generic[N];
    int count;
    const ac_kernel_set *sets = ac_kernel_sets(&count);

    (void) state;
    for (int i = 0; i < N; i++)
        x[i] = (float) (i - N / 2) * 0.01f;
    x[0] = -1e30f, x[1] = 1e30f, x[2] = -500, x[3] = 500, x[4] = NAN, x[5] = -90, x[6] = 1e-40f;
    for (int a = 0; a <= AC_ACTIVATION_SILU; a++) {
        activate(generic, x, N, (ac_activation) a, sets[count - 1].int8);
        for (int i = 0; i < N; i++) {
            const double exact = ac_activation_ref((ac_activation) a, (double) x[i]);
            if (isnan(x[i])
                    ? !isnan(generic[i])
                    : !(fabs((double) generic[i] - exact) <= 1e-5 * fabs((double) x[i]) + 1e-7))
                fail_msg("activation %d of %g is %g, not %g", a, (double) x[i],
                         (double) generic[i], exact);
        }
        for (int s = 0; s < count; s++) {
            if (!ac_cpu_has(sets[s].instructions))
                continue;
            activate(y, x, N, (ac_activation) a, sets[s].int8);
            for (int i = 0; i < N; i++)
                if (memcmp(&y[i], &generic[i], sizeof *y) != 0 &&
                    !(isnan(y[i]) && isnan(generic[i])))
                    fail_msg("%s, activation %d of %g: %a, not %a", sets[s].name, a,
                             (double) x[i], (double) y[i], (double) generic[i]);
        }
    }
}

/* A column of zeros but one is exact but for the row's rounding; a row of zeros but one too. */
static void
near_the_product(void **state)
{
    enum { M = 20, N = 50, K = 300 };
    float x[M * K], w[N * K], y[M * N];

    (void) state;
    for (int rows = 0; rows < TINY; rows++)
        for (int columns = 0; columns < TINY; columns++) {
            draw(x, M, K, 5, (kind) rows);
            draw(w, N, K, 6, (kind) columns);
            ac_int8_ref(y, x, w, NULL, NULL, M, N, K);
            for (int i = 0; i < M * N; i++) {
                const float *a = x + i / N * K, *b = w + i % N * K;
                double exact = 0, most_a = 0, most_b = 0, low = 0, high = 0, sum_a = 0,
                       sum_b = 0;
                for (int k = 0; k < K; k++) {
                    exact += (double) a[k] * (double) b[k];
                    low = fmin(low, (double) a[k]);
                    high = fmax(high, (double) a[k]);
                    most_b = fmax(most_b, fabs((double) b[k]));
                    sum_a += fabs((double) a[k]);
                    sum_b += fabs((double) b[k]);
                }
                most_a =
                    (high - low) / 255; /* a step; half of it is lost, or with zero's own */
                most_b /= 127;
                if (!(fabs((double) y[i] - exact) <=
                      1.01 * (most_a * sum_b + most_b / 2 * sum_a) + most_a * most_b * K))
                    fail_msg("rows %s, columns %s: y[%d] is %g, not %g", kinds[rows],
                             kinds[columns], i, (double) y[i], exact);
            }
        }
}

/* A row with a single 1 picks the weights of one k: each within half a step of what it was. */
static void
weights_are_the_nearest(void **state)
{
    enum { K = 48, N = 3 };
    float x[K], w[N * K], y[N];

    (void) state;
    draw(w, N, K, 7, PLAIN);
    for (int k = 0; k < K; k++) {
        memset(x, 0, sizeof x);
        x[k] = 1;
        ac_int8_ref(y, x, w, NULL, NULL, 1, N, K);
        for (int n = 0; n < N; n++) {
            double most = 0;
            for (int j = 0; j < K; j++)
                most = fmax(most, fabs((double) w[n * K + j]));
            assert_true(fabs((double) y[n] - (double) w[n * K + k]) <= 0.5001 * most / 127);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_defined),        cmocka_unit_test(odd_numbers),
        cmocka_unit_test(nothing_saturates), cmocka_unit_test(activations_near_and_equal),
        cmocka_unit_test(near_the_product),  cmocka_unit_test(weights_are_the_nearest),
    };
    int count;
    const ac_kernel_set *sets = ac_kernel_sets(&count);

    print_message("seed %d\n", SEED);
    for (int s = 0; s < count; s++)
        if (!ac_cpu_has(sets[s].instructions))
            print_message("%s: SKIPPED, this CPU does not run it\n", sets[s].name);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
