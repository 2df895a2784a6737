/* Dropout's mask is engine/base's Philox, keeps the mean, and is the same in the backward pass.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "engine/base/random.h"
#include "engine/training/dropout.h"

static void
mask_is_the_documented_one(void **state)
{
    const uint64_t seed = 0x123456789abcdef0u, stream = 0xfedcba9876543210u;
    const ac_dropout d = ac_dropout_make(0.3, seed);
    const uint32_t key[2] = { (uint32_t) seed, (uint32_t) (seed >> 32) };
    enum { N = 1003 }; /* whole groups of blocks, and a rest */
    float x[N];

    (void) state;
    for (int64_t row = 0; row < 3; row++) {
        for (int i = 0; i < N; i++)
            x[i] = (float) i + 1;
        ac_dropout_row(&d, x, N, stream, 77, row);
        for (int i = 0; i < N; i++) {
            const uint32_t counter[4] = { (uint32_t) stream, (uint32_t) (stream >> 32), 77,
                                          (uint32_t) (row * ((N + 7) / 8) + i / 8) };
            uint32_t y[4], random;
            ac_philox(y, counter, key);
            random = y[i % 8 / 2] >> (16 * (i % 2)) & 0xffff;
            assert_true(x[i] == (random >= d.threshold ? ((float) i + 1) * d.scale : 0));
        }
    }
}

static void
mean_stays(void **state)
{
    const ac_dropout d = ac_dropout_make(0.1, 5);
    enum { N = 100000 };
    float *x = malloc(N * sizeof *x);
    double sum = 0;
    int dropped = 0;

    (void) state;
    for (int i = 0; i < N; i++)
        x[i] = 1;
    ac_dropout_row(&d, x, N, 9, 0, 0);
    for (int i = 0; i < N; i++) {
        sum += x[i];
        dropped += x[i] == 0;
    }
    assert_true(fabs(dropped / (double) N - 0.1) < 0.004); /* four standard deviations */
    assert_true(fabs(sum / N - 1) < 0.005);
    assert_true(fabs((double) d.scale * (65536 - d.threshold) / 65536 - 1) < 1e-6);
    free(x);
}

static void
off_changes_nothing(void **state)
{
    const ac_dropout off = { 0 }, none = ac_dropout_make(0, 3);
    float x[3] = { 1, 2, 3 };

    (void) state;
    assert_false(ac_dropout_is_on(&off));
    assert_false(ac_dropout_is_on(&none));
    ac_dropout_row(&off, x, 3, 1, 2, 3);
    ac_dropout_row(&none, x, 3, 1, 2, 3);
    assert_true(x[0] == 1 && x[1] == 2 && x[2] == 3);
}

static void
another_item_place_row_or_seed_is_another_mask(void **state)
{
    const struct {
        uint64_t seed, stream;
        uint32_t place;
        int64_t row;
    } other[] = {
        { 1, 2, 3, 4 }, { 9, 2, 3, 4 }, { 1, 9, 3, 4 }, { 1, 2, 9, 4 }, { 1, 2, 3, 9 }
    };
    float first[256], x[256];

    (void) state;
    for (int k = 0; k < 5; k++) {
        const ac_dropout d = ac_dropout_make(0.5, other[k].seed);
        int same = 0;
        for (int i = 0; i < 256; i++)
            x[i] = 1;
        ac_dropout_row(&d, x, 256, other[k].stream, other[k].place, other[k].row);
        for (int i = 0; i < 256; i++) {
            if (k == 0)
                first[i] = x[i];
            same += x[i] == first[i];
        }
        assert_true(k == 0 || (same > 80 && same < 176)); /* 128 expected, deviation 8 */
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mask_is_the_documented_one),
        cmocka_unit_test(mean_stays),
        cmocka_unit_test(off_changes_nothing),
        cmocka_unit_test(another_item_place_row_or_seed_is_another_mask),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
