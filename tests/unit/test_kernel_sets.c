/* Every kernel of every set that this CPU runs, against the generic set's: the same bits, for
 * sizes around every edge. Products against one chain of fmaf(). The choice of a set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/random.h"
#include "engine/base/tensor.h"
#include "engine/image/resize.h"
#include "engine/kernels/activation.h"
#include "engine/kernels/kernel_set.h"
#include "engine/kernels/product.h"
#include "engine/kernels/vector.h"
#include "engine/training/dropout.h"

enum { SEED = 47, LONGEST = 131, MOST_SETS = 6, PANEL = AC_PRODUCT_PANEL };

static const ac_kernel_set *here[MOST_SETS]; /* the generic one first */
static int sets;

static void
find_sets(void)
{
    int count;
    const ac_kernel_set *all = ac_kernel_sets(&count);

    assert_true(count <= MOST_SETS);
    for (int i = count - 1; i >= 0; i--)
        if (ac_cpu_has(all[i].instructions))
            here[sets++] = &all[i];
        else
            print_message("%s: SKIPPED, this CPU does not run it\n", all[i].name);
}

static void
draw(float *x, int64_t n, uint32_t stream, double size)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = (float) (size * (2 * ac_random_uniform(SEED, stream, 0, (uint32_t) i) - 1));
}

static void
same(const char *what, const ac_kernel_set *set, int64_t n, const void *a, const void *b,
     size_t bytes)
{
    if (memcmp(a, b, bytes) != 0)
        fail_msg("%s, %lld numbers: %s and generic differ", what, (long long) n, set->name);
}

static void
same_number(const char *what, const ac_kernel_set *set, int64_t n, float a, float b)
{
    same(what, set, n, &a, &b, sizeof a);
}

/* ---- vectors ---- */

static void
compare_sums(const ac_kernel_set *set, const float *a, const float *b, int64_t n)
{
    const ac_vector *v = set->vector, *w = here[0]->vector;
    float x[LONGEST + 1], y[LONGEST + 1];
    const size_t bytes = (size_t) n * sizeof *x;

    same_number("dot", set, n, v->dot(a, b, n), w->dot(a, b, n));
    same_number("sum", set, n, v->sum(a, n), w->sum(a, n));
    same_number("largest", set, n, v->largest(a, n), w->largest(a, n));
    same_number("sum_exp", set, n, v->sum_exp(a, 1.5f, n), w->sum_exp(a, 1.5f, n));
    same_number("exp, sum", set, n, v->exp(x, a, 1.5f, n), w->exp(y, a, 1.5f, n));
    same("exp", set, n, x, y, bytes);
}

static void
compare_maps(const ac_kernel_set *set, const float *a, const float *b, int64_t n)
{
    const ac_vector *v = set->vector, *w = here[0]->vector;
    void (*const maps[][2])(float *, int64_t) = { { v->gelu, w->gelu },
                                                  { v->gelu_new, w->gelu_new },
                                                  { v->quick_gelu, w->quick_gelu },
                                                  { v->relu, w->relu },
                                                  { v->silu, w->silu } };
    float x[LONGEST + 1], y[LONGEST + 1];
    const size_t bytes = (size_t) n * sizeof *x;

    memcpy(x, b, bytes);
    memcpy(y, b, bytes);
    x[n] = y[n] = 77;
    v->axpy(x, 0.3f, a, n);
    w->axpy(y, 0.3f, a, n);
    same("axpy", set, n, x, y, bytes);
    v->add(x, a, n);
    w->add(y, a, n);
    same("add", set, n, x, y, bytes);
    v->scale(x, 1.7f, n);
    w->scale(y, 1.7f, n);
    same("scale", set, n, x, y, bytes);
    v->shift(x, 0.3f, 0.7f, n);
    w->shift(y, 0.3f, 0.7f, n);
    same("shift", set, n, x, y, bytes);
    v->add_products(x, a, b, n);
    w->add_products(y, a, b, n);
    same("add_products", set, n, x, y, bytes);
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
        memcpy(x, a, bytes);
        memcpy(y, a, bytes);
        maps[i][0](x, n);
        maps[i][1](y, n);
        same("activation", set, n, x, y, bytes);
    }
    assert_true(x[n] == 77 && y[n] == 77);
}

static void
compare_rows(const ac_kernel_set *set, const float *a, const float *b, const float *c,
             int64_t n)
{
    const ac_vector *v = set->vector, *w = here[0]->vector;
    float x[LONGEST], y[LONGEST], xn[LONGEST], yn[LONGEST];
    const size_t bytes = (size_t) n * sizeof *x;
    float r, s;

    v->layernorm(x, a, b, c, n, 1e-5f);
    w->layernorm(y, a, b, c, n, 1e-5f);
    same("layernorm", set, n, x, y, bytes);
    r = v->layernorm_saved(x, xn, a, b, c, n, 1e-5f);
    s = w->layernorm_saved(y, yn, a, b, c, n, 1e-5f);
    same_number("layernorm_saved, rstd", set, n, r, s);
    same("layernorm_saved", set, n, x, y, bytes);
    same("layernorm_saved, normal", set, n, xn, yn, bytes);
    v->layernorm_backward(x, c, xn, r, b, n);
    w->layernorm_backward(y, c, xn, r, b, n);
    same("layernorm_backward", set, n, x, y, bytes);
    v->softmax_backward(x, b, n, 0.125f);
    w->softmax_backward(y, b, n, 0.125f);
    same("softmax_backward", set, n, x, y, bytes);
}

/* Attention of G heads over T rows in three slots, against dot and axpy of the generic set. */
static void
compare_attention(const ac_kernel_set *set, int64_t G, int64_t T, int64_t D)
{
    enum { ROWS = 23, WIDE = 131, HEADS = 7, SLOTS = 3 };
    static float rows[SLOTS * ROWS * (WIDE + 1)], q[HEADS * WIDE], x[HEADS * WIDE + 1],
        w[HEADS * ROWS], y[HEADS * ROWS + 1];
    int32_t slots[ROWS];
    const ac_vector *v = set->vector, *one = here[0]->vector;
    const ac_slot_rows view = { rows + 1, slots, ROWS * (WIDE + 1), WIDE + 1 };

    assert_true(G <= HEADS && T <= ROWS && D <= WIDE);
    draw(rows, SLOTS * ROWS * (WIDE + 1), 71, 2);
    draw(q, HEADS * WIDE, 72, 1);
    draw(w, HEADS * ROWS, 73, 1);
    for (int32_t t = 0; t < ROWS; t++)
        slots[t] = t * 2 % SLOTS;
    memset(x, 0x7f, sizeof x);
    memset(y, 0x7f, sizeof y);
    x[G * D] = y[(G - 1) * ROWS + T] = 77;
    v->scores(y, ROWS, q, G, &view, T, D, 0.3f);
    v->weighted(x, w, ROWS, G, &view, T, D);
    for (int64_t g = 0; g < G; g++) {
        float z[WIDE] = { 0 };
        for (int64_t t = 0; t < T; t++) {
            const float *row = view.x + slots[t] * view.slot + t * view.row;
            same_number("scores", set, D, y[g * ROWS + t], 0.3f * one->dot(q + g * D, row, D));
            one->axpy(z, w[g * ROWS + t], row, D);
        }
        same("weighted", set, D, x + g * D, z, (size_t) D * sizeof *z);
    }
    assert_true(x[G * D] == 77 && y[(G - 1) * ROWS + T] == 77);
}

static void
attention_as_generic(void **state)
{
    static const int64_t lengths[] = { 1, 3, 4, 5, 8, 23 },
                         sizes[] = { 1, 8, 16, 24, 48, 64, 80, 128, 131 };

    (void) state;
    for (int s = 0; s < sets; s++)
        for (int64_t G = 1; G <= 7; G++)
            for (size_t t = 0; t < sizeof lengths / sizeof *lengths; t++)
                for (size_t d = 0; d < sizeof sizes / sizeof *sizes; d++)
                    compare_attention(here[s], G, lengths[t], sizes[d]);
}

static void
vectors_agree(void **state)
{
    static const float special[] = { 0,   -0.0f, 1e-30f, -1e-30f, 1e-42f, 20,   -20, 60,
                                     -60, 88,    -87,    -87.5f,  200,    -200, 1e4, -1e4f };
    enum { SPECIAL = sizeof special / sizeof *special };

    (void) state;
    for (int i = 1; i < sets; i++) {
        for (int64_t n = 0; n <= LONGEST; n++) {
            float a[LONGEST], b[LONGEST], c[LONGEST];
            draw(a, n, 1, 9);
            draw(b, n, 2, 2);
            draw(c, n, 3, 1);
            compare_sums(here[i], a, b, n);
            compare_maps(here[i], a, b, n);
            if (n)
                compare_rows(here[i], a, b, c, n);
            for (int64_t k = 0; k < n; k++) /* both zeros among the largest too */
                a[k] = n % 2 ? special[(k * 7 + n) % SPECIAL] : k % 3 ? -0.0f : 0.0f;
            compare_maps(here[i], a, b, n);
            same_number("largest", here[i], n, here[i]->vector->largest(a, n),
                        here[0]->vector->largest(a, n));
        }
    }
}

/* What measure calls the CPU's peak: the same chains everywhere, counted by lanes. */
static void
multiply_adds_counted(void **state)
{
    (void) state;
    for (int i = 0; i < sets; i++) {
        float sum = 0, expected = 0;
        const double once = here[i]->vector->multiply_adds(1, &sum);
        assert_true(once > 0);
        for (int k = 0; k < 12; k++) /* 5 times y = y / 2 + 1 */
            expected += (float) k / 32 + 1.9375f;
        assert_true(here[i]->vector->multiply_adds(5, &sum) == 5 * once);
        same_number("multiply_adds", here[i], 5, sum, expected);
    }
}

/* ---- products ---- */

static void
compare_kernel(const ac_kernel_set *set, bool bf16, int64_t K, int R)
{
    enum { WIDE = AC_PRODUCT_WIDEST, MOST = AC_PRODUCT_MOST_ROWS, DEPTH = AC_PRODUCT_DEPTH };
    const ac_product *p = set->product;
    static float a[DEPTH * MOST], b[DEPTH * WIDE];
    static uint16_t narrow[DEPTH * WIDE];
    float y[MOST * WIDE];

    draw(a, DEPTH * MOST, 7, 1);
    draw(b, DEPTH * WIDE, 8, 1);
    for (int i = 0; i < DEPTH * WIDE; i++)
        narrow[i] = ac_f32_to_bf16(b[i]);
    for (int c = 0; c < WIDE; c += p->panels * PANEL)
        for (int add = 0; add < 2; add++)
            (bf16 ? p->bf16 : p->fp32)(y + c, WIDE, a,
                                       bf16 ? (const void *) (narrow + c * K) : b + c * K,
                                       K * PANEL, K, R, add, (ac_product_ahead){ b, 0, R % 2 });
    for (int r = 0; r < R; r++)
        for (int j = 0; j < WIDE; j++) {
            float sum = 0;
            for (int64_t k = 0; k < K; k++) {
                const int64_t at = (j / PANEL * K + k) * PANEL + j % PANEL;
                sum = fmaf(a[k * R + r], bf16 ? ac_bf16_to_f32(narrow[at]) : b[at], sum);
            }
            sum += sum;
            if (memcmp(&y[r * WIDE + j], &sum, sizeof sum) != 0)
                fail_msg("%s, %s, %d rows, K %lld: y[%d, %d] is %a, not %a", set->name,
                         bf16 ? "bf16" : "fp32", R, (long long) K, r, j,
                         (double) y[r * WIDE + j], (double) sum);
        }
}

static void
products_as_a_chain(void **state)
{
    static const int64_t depths[] = { 1, 2, 31, 200, AC_PRODUCT_DEPTH };

    (void) state;
    for (int i = 0; i < sets; i++)
        for (int bf16 = 0; bf16 < 2; bf16++)
            for (size_t d = 0; d < sizeof depths / sizeof *depths; d++)
                for (int R = 1; R <= here[i]->product->rows; R++)
                    compare_kernel(here[i], bf16, depths[d], R);
}

/* y = a b, plain and transposed, against the definition in blocks of AC_PRODUCT_DEPTH. */
static void
compare_product(const ac_kernel_set *set, int64_t M, int64_t N, int64_t K, bool add,
                bool transposed)
{
    float *a = malloc((size_t) (M * K) * sizeof *a), *b = malloc((size_t) (K * N) * sizeof *b),
          *y = malloc((size_t) (M * N) * sizeof *y);
    void *scratch = malloc(ac_product_scratch_bytes());

    draw(a, M * K, 9, 1);
    draw(b, K * N, 10, 1);
    draw(y, M * N, 11, 1);
    ac_product_multiply(y, N, transposed ? (ac_matrix){ a, 1, M } : (ac_matrix){ a, K, 1 },
                        transposed ? (ac_matrix){ b, 1, K } : (ac_matrix){ b, N, 1 }, M, N, K,
                        add, scratch);
    for (int64_t m = 0; m < M; m++)
        for (int64_t n = 0; n < N; n++) {
            float first, total;
            first = (float) (2 * ac_random_uniform(SEED, 11, 0, (uint32_t) (m * N + n)) - 1);
            total = add ? first : 0;
            for (int64_t k = 0; k < K; k += AC_PRODUCT_DEPTH) {
                float sum = 0;
                for (int64_t d = k; d < K && d < k + AC_PRODUCT_DEPTH; d++)
                    sum = fmaf(transposed ? a[d * M + m] : a[m * K + d],
                               transposed ? b[n * K + d] : b[d * N + n], sum);
                total = add || k ? total + sum : sum;
            }
            if (memcmp(&y[m * N + n], &total, sizeof total) != 0)
                fail_msg("%s: %lld x %lld x %lld: y[%lld, %lld] is %a, not %a", set->name,
                         (long long) M, (long long) N, (long long) K, (long long) m,
                         (long long) n, (double) y[m * N + n], (double) total);
        }
    free(a);
    free(b);
    free(y);
    free(scratch);
}

static void
whole_products(void **state)
{
    static const int64_t shapes[][3] = { { 1, 1, 1 },    { 3, 5, 7 },     { 7, 33, 64 },
                                         { 97, 31, 20 }, { 13, 64, 257 }, { 100, 70, 530 },
                                         { 5, 600, 30 }, { 2, 1024, 300 } };

    (void) state;
    for (int i = 0; i < sets; i++) {
        assert_int_equal(ac_kernels_use(here[i]->name), AC_OK);
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
            for (int kind = 0; kind < 4; kind++)
                compare_product(here[i], shapes[s][0], shapes[s][1], shapes[s][2], kind & 1,
                                kind & 2);
    }
    assert_int_equal(ac_kernels_use("auto"), AC_OK);
}

/* ---- loops compiled for each width ---- */

static void
loops_agree(void **state)
{
    enum { N = 1003, ROWS = 21, WIDTH = 67, OUT = 29 };
    static float x[N], first[4][N], dropped[N];
    static uint8_t image[ROWS * WIDTH * 4], small[4][ROWS * OUT * 4],
        narrow[4][OUT * WIDTH * 4];
    const ac_dropout dropout = ac_dropout_make(0.3, 12);
    ac_taps along = { 0 }, down = { 0 };

    (void) state;
    draw(x, N, 12, 9);
    x[0] = 0;
    x[1] = -0.0f;
    for (int i = 0; i < ROWS * WIDTH * 4; i++)
        image[i] = (uint8_t) (256 * ac_random_uniform(SEED, 13, 0, (uint32_t) i));
    assert_int_equal(ac_taps_bicubic(&along, WIDTH, OUT, 0, OUT), AC_OK);
    assert_int_equal(ac_taps_bicubic(&down, ROWS, OUT, 0, OUT), AC_OK);
    for (int i = 0; i < sets; i++) {
        assert_int_equal(ac_kernels_use(here[i]->name), AC_OK);
        for (int a = 0; a < 4; a++) {
            float dy[N];
            draw(dy, N, 14, 1);
            ac_activation_backward((ac_activation) (AC_ACTIVATION_GELU + a), dy, x, N);
            if (i == 0)
                memcpy(first[a], dy, sizeof dy);
            same("derivative", here[i], N, dy, first[a], sizeof dy);
        }
        {
            float y[N];
            memcpy(y, x, sizeof y);
            ac_dropout_row(&dropout, y, N, 3, 4, 5);
            if (i == 0)
                memcpy(dropped, y, sizeof y);
            same("dropout", here[i], N, y, dropped, sizeof y);
        }
        for (int C = 1; C <= 4; C++) {
            uint8_t y[ROWS * OUT * 4] = { 0 }, z[OUT * WIDTH * 4] = { 0 };
            ac_resize_horizontal(y, image, ROWS, WIDTH, C, &along);
            ac_resize_vertical(z, image, WIDTH * C, &down);
            if (i == 0) {
                memcpy(small[C - 1], y, sizeof y);
                memcpy(narrow[C - 1], z, sizeof z);
            }
            same("resize along rows", here[i], C, y, small[C - 1], sizeof y);
            same("resize along columns", here[i], C, z, narrow[C - 1], sizeof z);
        }
    }
    assert_int_equal(ac_kernels_use("auto"), AC_OK);
    ac_taps_free(&along);
    ac_taps_free(&down);
}

/* ---- the choice ---- */

static void
choice(void **state)
{
    int count;
    const ac_kernel_set *all = ac_kernel_sets(&count);

    (void) state;
    assert_string_equal(all[count - 1].name, "generic");
    assert_true(ac_cpu_has(all[count - 1].instructions));
    for (int i = 0; i < count; i++) {
        const bool runs = ac_cpu_has(all[i].instructions);
        assert_int_equal(ac_kernels_use(all[i].name), runs ? AC_OK : AC_E_ARG);
        if (runs)
            assert_ptr_equal(ac_kernels(), &all[i]);
        else
            assert_non_null(strstr(ac_error_message(), all[i].name));
    }
    assert_int_equal(ac_kernels_use("sse9"), AC_E_ARG);
    assert_non_null(strstr(ac_error_message(), "\"sse9\""));
    assert_non_null(strstr(ac_error_message(), "generic"));
    assert_int_equal(ac_kernels_use("generic"), AC_OK);
    assert_true(ac_kernels_include(0));
    assert_false(ac_kernels_include(AC_CPU_AVX2));
    assert_int_equal(ac_kernels_use(NULL), AC_OK);
    assert_ptr_equal(ac_kernels(), here[sets - 1]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(multiply_adds_counted),
        cmocka_unit_test(attention_as_generic),
        cmocka_unit_test(vectors_agree),
        cmocka_unit_test(products_as_a_chain),
        cmocka_unit_test(whole_products),
        cmocka_unit_test(loops_agree),
        cmocka_unit_test(choice),
    };

    find_sets();
    print_message("seed %d; %d sets\n", SEED, sets);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
