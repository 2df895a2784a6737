#include "engine/training/dropout.h"

#include <math.h>

#include "engine/kernels/per_set.h"

enum { LANES = 16, HALVES = 8 }; /* Philox blocks made together; 16-bit numbers of a block */

ac_dropout
ac_dropout_make(double probability, uint64_t seed)
{
    const double threshold = floor(probability * 65536 + 0.5);

    return (ac_dropout){ .threshold = (uint32_t) threshold,
                         .scale = (float) (65536 / (65536 - threshold)),
                         .seed = seed };
}

/* LANES blocks of Philox 4x32-10, counters (c0, c1, c2, c3 + lane), written so that it
 * vectorises; unit.dropout compares it with engine/base's, which is Random123's. */
AC_PER_SET_BODY void
philox_lanes_body(uint16_t y[LANES * HALVES], uint32_t c0, uint32_t c1, uint32_t c2,
                  uint32_t c3, uint64_t seed)
{
    uint32_t a[LANES], b[LANES], c[LANES], d[LANES], k0 = (uint32_t) seed,
                                                     k1 = (uint32_t) (seed >> 32);

    for (int i = 0; i < LANES; i++) {
        a[i] = c0;
        b[i] = c1;
        c[i] = c2;
        d[i] = c3 + (uint32_t) i;
    }
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < LANES; i++) {
            const uint64_t p = (uint64_t) 0xD2511F53u * a[i], q = (uint64_t) 0xCD9E8D57u * c[i];
            a[i] = (uint32_t) (q >> 32) ^ b[i] ^ k0;
            b[i] = (uint32_t) q;
            c[i] = (uint32_t) (p >> 32) ^ d[i] ^ k1;
            d[i] = (uint32_t) p;
        }
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    for (int i = 0; i < LANES; i++) {
        const uint32_t words[4] = { a[i], b[i], c[i], d[i] };
        for (int h = 0; h < HALVES; h++)
            y[i * HALVES + h] = (uint16_t) (words[h / 2] >> (16 * (h % 2)));
    }
}

AC_PER_SET_BODY void
drop_body(float *x, const uint16_t *random, int64_t n, uint32_t threshold, float scale)
{
    for (int64_t i = 0; i < n; i++)
        x[i] *= random[i] >= threshold ? scale : 0.0f;
}

AC_PER_SET(philox_lanes,
           (uint16_t y[LANES * HALVES], uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3,
            uint64_t seed),
           (y, c0, c1, c2, c3, seed))
AC_PER_SET(drop, (float *x, const uint16_t *random, int64_t n, uint32_t threshold, float scale),
           (x, random, n, threshold, scale))

void
ac_dropout_row(const ac_dropout *self, float *x, int64_t n, uint64_t stream, uint32_t place,
               int64_t row)
{
    const uint32_t first = (uint32_t) (row * ((n + HALVES - 1) / HALVES));
    uint16_t random[LANES * HALVES];

    if (!ac_dropout_is_on(self))
        return;
    for (int64_t i = 0; i < n; i += LANES * HALVES) {
        philox_lanes(random, (uint32_t) stream, (uint32_t) (stream >> 32), place,
                     first + (uint32_t) (i / HALVES), self->seed);
        drop(x + i, random, n - i < LANES * HALVES ? n - i : LANES * HALVES, self->threshold,
             self->scale);
    }
}
