/* The passes of the resize against plain sums, to the byte: all channels, widths from 1,
 * shrinking and growing; nothing is read past the last row (the image ends where its memory
 * ends, so the sanitizers would see it). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/random.h"
#include "engine/image/resize.h"

enum { SEED = 44 };

static uint8_t
plain(const uint8_t *x, int64_t step, const ac_taps *t, int64_t i)
{
    int64_t sum = 1 << 21;

    for (int64_t k = 0; k < t->length[i]; k++)
        sum += (int64_t) x[(t->start[i] + k) * step] * t->weights[i * t->most + k];
    sum >>= 22;
    return (uint8_t) (sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

static void
check(ac_taps *t, int64_t rows, int64_t width, int64_t out, int C, uint32_t stream)
{
    const int64_t n = rows * width * C;
    uint8_t *x = malloc((size_t) n), *y = malloc((size_t) (rows * out * C));

    for (int64_t i = 0; i < n; i++) /* black and white edges overshoot most */
        x[i] = stream % 2 ? (uint8_t) (256 * ac_random_uniform(SEED, stream, 0, (uint32_t) i))
               : ac_random_uniform(SEED, stream, 0, (uint32_t) i) < 0.5 ? 0
                                                                        : 255;
    assert_int_equal(stream % 3 ? ac_taps_bicubic(t, width, out, 0, out)
                                : ac_taps_bilinear(t, width, out, 0, out),
                     AC_OK);
    ac_resize_horizontal(y, x, rows, width, C, t);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < out; i++)
            for (int c = 0; c < C; c++) {
                const uint8_t expected = plain(x + r * width * C + c, C, t, i);
                if (y[(r * out + i) * C + c] != expected)
                    fail_msg("row %lld, output %lld of %lld (from %lld), channel %d: %d, "
                             "expected %d",
                             (long long) r, (long long) i, (long long) out, (long long) width,
                             c, y[(r * out + i) * C + c], expected);
            }
    free(x);
    free(y);
}

static void
along_rows(void **state)
{
    static const int64_t widths[] = { 1, 2, 3, 5, 8, 31, 64, 225, 500, 1200 },
                         outs[] = { 1, 2, 7, 32, 224 };
    ac_taps t = { 0 };
    uint32_t stream = 0;

    (void) state;
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++)
        for (size_t o = 0; o < sizeof outs / sizeof *outs; o++)
            for (int C = 1; C <= 4; C++)
                for (int64_t rows = 1; rows <= 9; rows += 4 - C % 2)
                    check(&t, rows, widths[w], outs[o], C, stream++);
    ac_taps_free(&t);
}

static void
along_columns(void **state)
{
    static const int64_t heights[] = { 1, 5, 64, 500 };
    enum { N = 1100, OUT = 32 };
    uint8_t *x = malloc(500 * N), *y = malloc(OUT * N);
    ac_taps t = { 0 };

    (void) state;
    for (int64_t i = 0; i < 500 * N; i++)
        x[i] = (uint8_t) (256 * ac_random_uniform(SEED, 9999, 0, (uint32_t) i));
    for (size_t h = 0; h < sizeof heights / sizeof *heights; h++) {
        assert_int_equal(ac_taps_bicubic(&t, heights[h], OUT, 0, OUT), AC_OK);
        ac_resize_vertical(y, x, N, &t);
        for (int64_t r = 0; r < OUT; r++)
            for (int64_t i = 0; i < N; i++)
                assert_int_equal(y[r * N + i], plain(x + i, N, &t, r));
    }
    ac_taps_free(&t);
    free(x);
    free(y);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(along_rows),
                                        cmocka_unit_test(along_columns) };

    print_message("seed %d\n", SEED);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
