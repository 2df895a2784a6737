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

/* Both passes at once, whatever the kernels: as the second over the first, to the byte. */
static void
both_ways(void **state)
{
    static const int64_t sides[][4] = { { 1, 1, 7, 5 },      { 15, 40, 4, 9 },
                                        { 16, 3, 5, 2 },     { 17, 18, 30, 40 },
                                        { 37, 50, 224, 11 }, { 640, 61, 100, 22 },
                                        { 333, 500, 50, 75 } }; /* width, height, to */
    uint8_t *between = NULL;
    int64_t capacity = 0;
    ac_taps across = { 0 }, down = { 0 };

    (void) state;
    for (size_t s = 0; s < 2 * sizeof sides / sizeof *sides; s++) {
        const int64_t *to = sides[s / 2], n = to[0] * to[1] * 3;
        uint8_t *x = malloc((size_t) n), *y = malloc((size_t) (to[2] * to[3] * 3)),
                *first = malloc((size_t) (to[2] * to[1] * 3));
        const ac_resample filter = s % 2 ? AC_RESAMPLE_LANCZOS : AC_RESAMPLE_BICUBIC;
        for (int64_t i = 0; i < n; i++)
            x[i] = ac_random_uniform(SEED, 7, (uint32_t) s, (uint32_t) i) < 0.5 ? 0 : 255;
        assert_int_equal(ac_taps_filtered(&across, filter, to[0], to[2], 0, to[2]), AC_OK);
        assert_int_equal(ac_taps_filtered(&down, filter, to[1], to[3], 0, to[3]), AC_OK);
        assert_int_equal(
            ac_resize_both(y, x, to[1], to[0], 3, &across, &down, &between, &capacity), AC_OK);
        for (int64_t r = 0; r < to[1]; r++)
            for (int64_t i = 0; i < to[2] * 3; i++)
                first[r * to[2] * 3 + i] = plain(x + r * to[0] * 3 + i % 3, 3, &across, i / 3);
        for (int64_t r = 0; r < to[3]; r++)
            for (int64_t i = 0; i < to[2] * 3; i++)
                assert_int_equal(y[r * to[2] * 3 + i], plain(first + i, to[2] * 3, &down, r));
        free(x);
        free(y);
        free(first);
    }
    ac_taps_free(&across);
    ac_taps_free(&down);
    free(between);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(along_rows),
                                        cmocka_unit_test(along_columns),
                                        cmocka_unit_test(both_ways) };

    print_message("seed %d\n", SEED);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
