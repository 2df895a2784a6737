/* int8 products with AVX-VNNI: 6 rows by 16 columns, 12 accumulators. */
#include "engine/kernels/int8_lanes8_body.h"

typedef uint8_t number;

enum { ROWS = 6 };

static inline void
store_rounded(number *p, vec x, ivec zero)
{
    const __m256i q = rounded(x, zero);
    const __m128i pairs =
        _mm_packs_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));

    _mm_storel_epi64((__m128i *) (void *) p, _mm_packus_epi16(pairs, pairs));
}

static inline __attribute__((always_inline)) void
dots_of(int32_t *sums, const number *q, int64_t stride, const int8_t *b, int64_t depth,
        const int R)
{
    __m256i s[ROWS][2];

#pragma GCC unroll 8
    for (int r = 0; r < R; r++)
        s[r][0] = s[r][1] = _mm256_setzero_si256();
    for (int64_t k = 0; k < depth; k += 4, b += 4 * AC_INT8_PANEL) {
        const __m256i b0 = _mm256_loadu_si256((const __m256i *) (const void *) b),
                      b1 = _mm256_loadu_si256((const __m256i *) (const void *) (b + 32));
        __builtin_prefetch(b + AC_INT8_WIDTH * depth, 0, 2);
#pragma GCC unroll 8
        for (int r = 0; r < R; r++) {
            int four;
            memcpy(&four, q + r * stride + k, sizeof four);
            const __m256i x = _mm256_set1_epi32(four);
            s[r][0] = _mm256_dpbusd_avx_epi32(s[r][0], x, b0);
            s[r][1] = _mm256_dpbusd_avx_epi32(s[r][1], x, b1);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; r++)
        for (int v = 0; v < 2; v++)
            _mm256_storeu_si256((__m256i *) (void *) (sums + r * AC_INT8_WIDTH + 8 * v),
                                s[r][v]);
}

static void
dots(int32_t *sums, const number *q, int64_t stride, const int8_t *b, int64_t depth, int R)
{
    enum { PANEL = AC_INT8_PANEL };

    for (int c = 0; c < AC_INT8_WIDTH; c += PANEL)
        switch (R) {
#define CASE(n) \
    case n: dots_of(sums + c, q, stride, b + c * depth, depth, n); break
            CASE(1);
            CASE(2);
            CASE(3);
            CASE(4);
            CASE(5);
            CASE(6);
#undef CASE
        }
}

#include "engine/kernels/int8_body.h"

const ac_int8 ac_int8_avx_vnni = AC_INT8_TABLE;
