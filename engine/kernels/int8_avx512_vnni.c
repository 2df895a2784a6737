/* int8 products with AVX-512 VNNI: 12 rows by 32 columns, 24 accumulators. */
#include "engine/kernels/int8_lanes16_body.h"

typedef uint8_t number;
#define store_rounded store_bytes

enum { ROWS = 12 };

static inline __attribute__((always_inline)) void
dots_of(int32_t *sums, const number *q, int64_t stride, const int8_t *b, int64_t depth,
        const int R)
{
    const int64_t next = AC_INT8_PANEL * depth;
    __m512i s[ROWS][2];

#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
        s[r][0] = s[r][1] = _mm512_setzero_si512();
    for (int64_t k = 0; k < depth; k += 4, b += 4 * AC_INT8_PANEL) {
        const __m512i b0 = _mm512_loadu_si512(b), b1 = _mm512_loadu_si512(b + next);
        __builtin_prefetch(b + 2 * next, 0, 2);
        __builtin_prefetch(b + 3 * next, 0, 2);
#pragma GCC unroll 16
        for (int r = 0; r < R; r++) {
            int four;
            memcpy(&four, q + r * stride + k, sizeof four);
            const __m512i x = _mm512_set1_epi32(four);
            s[r][0] = _mm512_dpbusd_epi32(s[r][0], x, b0);
            s[r][1] = _mm512_dpbusd_epi32(s[r][1], x, b1);
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
        for (int v = 0; v < 2; v++)
            _mm512_storeu_si512(sums + r * AC_INT8_WIDTH + 16 * v, s[r][v]);
}

static void
dots(int32_t *sums, const number *q, int64_t stride, const int8_t *b, int64_t depth, int R)
{
    switch (R) {
#define CASE(n) \
    case n: dots_of(sums, q, stride, b, depth, n); break
        CASE(1);
        CASE(2);
        CASE(3);
        CASE(4);
        CASE(5);
        CASE(6);
        CASE(7);
        CASE(8);
        CASE(9);
        CASE(10);
        CASE(11);
        CASE(12);
#undef CASE
    }
}

#include "engine/kernels/int8_body.h"

const ac_int8 ac_int8_avx512_vnni = AC_INT8_TABLE;
