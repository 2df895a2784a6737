/* Linear layers of every backend and precision against the definition; the same bits for any
 * number of threads; a row's bits independent of the rows around it (native, oneDNN); attaching
 * to packed weights. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/random.h"
#include "engine/kernels/kernels.h"
#include "engine/linear/linear.h"

enum { SEED = 41, COMPUTES = 7 };

static const struct {
    ac_compute compute;
    const char *name;
    bool rows_independent;
} computes[COMPUTES] = {
    { { AC_BACKEND_NATIVE, AC_PRECISION_FP32 }, "native fp32", true },
    { { AC_BACKEND_NATIVE, AC_PRECISION_BF16 }, "native bf16", true },
    { { AC_BACKEND_OPENBLAS, AC_PRECISION_FP32 }, "openblas fp32", false },
    { { AC_BACKEND_ONEDNN, AC_PRECISION_FP32 }, "onednn fp32", true },
    { { AC_BACKEND_ONEDNN, AC_PRECISION_BF16 }, "onednn bf16", true },
    { { AC_BACKEND_NATIVE, AC_PRECISION_INT8 }, "native int8", true },
    { { AC_BACKEND_OPENBLAS, AC_PRECISION_INT8 }, "openblas int8", false }, /* refused */
};

static void
fill(float *x, int64_t n, uint32_t stream)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = (float) (2 * ac_random_uniform(SEED, stream, (uint32_t) (i >> 20),
                                              (uint32_t) (i & 0xfffff)) -
                        1);
}

static void
round_to_bf16(float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = ac_bf16_to_f32(ac_f32_to_bf16(x[i]));
}

typedef struct layer {
    ac_linear net;
    float *weight, *bias; /* [out, in], [out]: as the layer sees them */
    void *packed;
    int64_t out, in;
    ac_tensor weights[3], biases[3];
    int parts;
} layer;

/* false: this build or CPU has no such layer, and says why. */
static bool
layer_init(layer *self, const ac_compute *compute, int64_t out, int64_t in, int parts,
           bool with_bias)
{
    const ac_tensor *weights[3], *biases[3];
    int64_t first = 0;
    ac_status st;

    *self = (layer){ .out = out, .in = in, .parts = parts };
    self->weight = malloc((size_t) (out * in) * sizeof(float));
    self->bias = calloc((size_t) out, sizeof(float));
    fill(self->weight, out * in, 1);
    if (with_bias)
        fill(self->bias, out, 2);
    for (int p = 0; p < parts; p++) {
        const int64_t rows = p + 1 < parts ? out / parts + p : out - first;
        self->weights[p] =
            (ac_tensor){ "weight", AC_F32, 2, { rows, in }, self->weight + first * in, NULL };
        self->biases[p] = (ac_tensor){ "bias", AC_F32, 1, { rows }, self->bias + first, NULL };
        weights[p] = &self->weights[p];
        biases[p] = &self->biases[p];
        first += rows;
    }
    assert_int_equal(ac_alloc_aligned(&self->packed,
                                      (int64_t) ac_linear_packed_bytes(compute, out, in) + 64,
                                      1),
                     AC_OK);
    st = ac_linear_init(&self->net, compute, weights, with_bias ? biases : NULL, parts,
                        self->packed, true);
    if (compute->precision == AC_PRECISION_BF16)
        round_to_bf16(self->weight, out * in);
    if (st == AC_OK)
        return true;
    assert_int_equal(st, AC_E_ARG);
    assert_non_null(strstr(ac_error_message(), "compute."));
    free(self->weight);
    free(self->bias);
    free(self->packed);
    return false;
}

static void
layer_free(layer *self)
{
    ac_linear_free(&self->net);
    free(self->weight);
    free(self->bias);
    free(self->packed);
}

static void
forward(const ac_linear *net, float *y, const float *x, int64_t M, ac_activation activation,
        const float *residual)
{
    ac_scratch scratch = { 0 };

    assert_int_equal(ac_scratch_init(&scratch, ac_linear_scratch_bytes(net, M)), AC_OK);
    ac_linear_forward(net, y, x, M, activation, residual, &scratch);
    ac_scratch_free(&scratch);
}

/* The sum of `in` products below 1 in fp32: each step rounds by 2^-24 of a partial sum of about
 * sqrt(in), and `in` such errors add up like a random walk; erf's own 1.5e-7 · |y|. oneDNN's
 * bf16 rounds x too: 2^-9 of each product. int8 rounds x by at most 1 / 255 and weights by at
 * most 1 / 254 (test_int8.c has its exact bits). */
static float
tolerance(const ac_compute *compute, int64_t in, float y)
{
    if (compute->precision == AC_PRECISION_BF16 && compute->backend == AC_BACKEND_ONEDNN)
        return 0.01f * sqrtf((float) in) + 1e-5f;
    if (compute->precision == AC_PRECISION_INT8)
        return 0.015f * sqrtf((float) in) + 1e-5f;
    return 1e-6f * (sqrtf((float) in) + fabsf(y) + 1);
}

static void
check_shape(int c, int64_t M, int64_t out, int64_t in, int parts, ac_activation activation,
            bool with_bias, bool with_residual)
{
    layer l;
    float *x = malloc((size_t) (M * in) * sizeof *x),
          *residual = malloc((size_t) (M * out) * sizeof *x);
    float *y = malloc((size_t) (M * out) * sizeof *y),
          *again = malloc((size_t) (M * out) * sizeof *y);
    float *expected = malloc((size_t) (M * out) * sizeof *y);

    fill(x, M * in, 3);
    fill(residual, M * out, 4);
    if (layer_init(&l, &computes[c].compute, out, in, parts, with_bias)) {
        const float *r = with_residual ? residual : NULL;
        ac_linear_ref(expected, x, l.weight, l.bias, M, out, in, activation, r);
        omp_set_num_threads(1);
        forward(&l.net, y, x, M, activation, r);
        omp_set_num_threads(3);
        forward(&l.net, again, x, M, activation, r);
        for (int64_t i = 0; i < M * out; i++)
            if (!(fabsf(y[i] - expected[i]) <=
                  tolerance(&computes[c].compute, in, expected[i])))
                fail_msg("%s, M %lld, out %lld, in %lld: y[%lld] is %.9g, expected %.9g",
                         computes[c].name, (long long) M, (long long) out, (long long) in,
                         (long long) i, (double) y[i], (double) expected[i]);
        assert_memory_equal(y, again, (size_t) (M * out) * sizeof *y);
        layer_free(&l);
    }
    free(x);
    free(residual);
    free(y);
    free(again);
    free(expected);
}

static void
as_defined(void **state)
{
    static const int64_t rows[] = { 1, 2, 3, 5, 6, 7, 12, 13, 47, 96, 97, 201 };
    static const int64_t shapes[][2] = { { 1, 1 },      { 7, 3 },    { 16, 16 },   { 33, 40 },
                                         { 96, 32 },    { 129, 68 }, { 512, 256 }, { 513, 257 },
                                         { 1043, 300 }, { 70, 2100 } };

    (void) state;
    for (int c = 0; c < COMPUTES; c++)
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
            for (size_t m = 0; m < sizeof rows / sizeof *rows; m++) {
                const size_t turn = s + m;
                check_shape(c, rows[m], shapes[s][0], shapes[s][1],
                            shapes[s][0] > 6 ? 1 + (int) (turn % 3) : 1,
                            (ac_activation) (turn % 5), turn % 2, turn % 3 == 0);
            }
}

/* The same rows in a batch, alone, and beside others: the same bits. */
static void
rows_stand_alone(void **state)
{
    static const int64_t shapes[][2] = { { 40, 32 },   { 129, 68 }, { 600, 1100 }, { 512, 300 },
                                         { 24, 4096 }, { 1, 300 },  { 513, 257 } };
    enum { M = 210 };

    (void) state;
    for (int c = 0; c < COMPUTES; c++) {
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
            const int64_t out = shapes[s][0], in = shapes[s][1];
            float *x = malloc((size_t) (M * in) * sizeof *x),
                  *all = malloc((size_t) (M * out) * sizeof *x),
                  *some = malloc((size_t) (M * out) * sizeof *x);
            layer l;
            fill(x, M * in, 5);
            if (computes[c].rows_independent &&
                layer_init(&l, &computes[c].compute, out, in, 1, true)) {
                forward(&l.net, all, x, M, AC_ACTIVATION_GELU, NULL);
                for (int64_t n = 1; n <= 110; n += n < 26 ? 1 : 7) {
                    const int64_t first = (n * 37) % (M - n);
                    forward(&l.net, some, x + first * in, n, AC_ACTIVATION_GELU, NULL);
                    if (memcmp(some, all + first * out, (size_t) (n * out) * sizeof *some) != 0)
                        fail_msg("%s, out %lld, in %lld: %lld rows alone have other bits",
                                 computes[c].name, (long long) out, (long long) in,
                                 (long long) n);
                }
                layer_free(&l);
            }
            free(x);
            free(all);
            free(some);
        }
    }
}

/* A layer norm in front, and two layers at once: the bits of each alone. */
static void
norms_and_pairs(void **state)
{
    static const int64_t shapes[][3] = {
        { 1, 16, 7 }, { 5, 96, 130 }, { 100, 40, 1030 }, { 201, 33, 2100 }
    }; /* M, in and out, hidden */

    (void) state;
    for (int c = 0; c < COMPUTES; c++)
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
            const int64_t M = shapes[s][0], C = shapes[s][1], F = shapes[s][2];
            const size_t bytes = (size_t) (M * C) * sizeof(float);
            float *x = malloc(bytes), *residual = malloc(bytes), *normed = malloc(bytes),
                  *expected = malloc(bytes), *y = malloc(bytes),
                  *hidden = malloc((size_t) (M * F) * sizeof *x),
                  *other = malloc((size_t) (M * F) * sizeof *x), weight[96], bias[96];
            const ac_linear_norm norm = { weight, bias, 1e-5f };
            ac_scratch scratch = { 0 };
            layer first, second;
            fill(x, M * C, 7);
            fill(residual, M * C, 8);
            fill(weight, C, 9);
            fill(bias, C, 10);
            if (layer_init(&first, &computes[c].compute, F, C, 1, true) &&
                layer_init(&second, &computes[c].compute, C, F, 1, true)) {
                omp_set_num_threads(3);
                ac_layernorm(normed, x, weight, bias, M, C, norm.eps);
                forward(&first.net, hidden, normed, M, AC_ACTIVATION_QUICK_GELU, NULL);
                forward(&second.net, expected, hidden, M, AC_ACTIVATION_NONE, residual);
                assert_int_equal(ac_scratch_init(&scratch, ac_linear_pair_scratch_bytes(
                                                               &first.net, &second.net, M)),
                                 AC_OK);
                for (int threads = 3; threads >= 1; threads -= 2) {
                    omp_set_num_threads(threads);
                    ac_linear_forward_normed(&first.net, other, x, &norm, normed, M,
                                             AC_ACTIVATION_QUICK_GELU, NULL, &scratch);
                    assert_memory_equal(other, hidden, (size_t) (M * F) * sizeof *x);
                    ac_linear_forward_pair(&first.net, &second.net, y, x, &norm, normed, other,
                                           M, AC_ACTIVATION_QUICK_GELU, residual, &scratch);
                    assert_memory_equal(y, expected, bytes);
                }
                omp_set_num_threads(3);
                ac_scratch_free(&scratch);
                layer_free(&first);
                layer_free(&second);
            }
            free(x);
            free(residual);
            free(normed);
            free(expected);
            free(y);
            free(hidden);
            free(other);
        }
}

static void
attached(void **state)
{
    enum { M = 19, OUT = 700, IN = 90 };
    float x[M * IN], *y = malloc(M * OUT * sizeof *y), *again = malloc(M * OUT * sizeof *y);

    (void) state;
    fill(x, M * IN, 6);
    for (int c = 0; c < COMPUTES; c++) {
        layer l;
        ac_linear second;
        const ac_tensor *weights[3];
        if (!layer_init(&l, &computes[c].compute, OUT, IN, 2, true)) {
            print_message("%s: SKIPPED here: %s\n", computes[c].name, ac_error_message());
            continue;
        }
        forward(&l.net, y, x, M, AC_ACTIVATION_NONE, NULL);
        memset(l.weight, 0xff,
               OUT * IN * sizeof(float)); /* NaN: nothing may be read from here again */
        weights[0] = &l.weights[0];
        weights[1] = &l.weights[1];
        assert_int_equal(
            ac_linear_init(&second, &computes[c].compute, weights, NULL, 2, l.packed, false),
            AC_OK);
        forward(&second, again, x, M, AC_ACTIVATION_NONE, NULL);
        assert_memory_equal(y, again, M * OUT * sizeof *y);
        ac_linear_free(&second);
        layer_free(&l);
    }
    free(y);
    free(again);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_defined),
        cmocka_unit_test(rows_stand_alone),
        cmocka_unit_test(norms_and_pairs),
        cmocka_unit_test(attached),
    };

    ac_compute_init(2);
    print_message("seed %d; %s\n", SEED, ac_compute_describe(&(ac_compute){ 0 }));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
