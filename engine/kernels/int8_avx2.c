/* int8 products with AVX2: numbers and weights widened to 16 bits, whose products in pairs
 * cannot saturate. 6 rows by 8 columns, 12 accumulators of two half sums for each of 4 columns.
 */
#include "engine/kernels/int8_lanes8_body.h"

typedef int16_t number;

enum { ROWS = 6 };

static inline void
store_rounded(number *p, vec x, ivec zero)
{
    const __m256i q = rounded(x, zero);
    const __m256i pairs = _mm256_permute4x64_epi64(
        _mm256_packus_epi32(_mm256_min_epi32(q, _mm256_set1_epi32(255)), q), 0x08);

    _mm_storeu_si128((__m128i *) (void *) p, _mm256_castsi256_si128(pairs));
}

static inline __m256i
load_four_columns(const int8_t *b)
{
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *) (const void *) b));
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
        const __m256i b0 = load_four_columns(b), b1 = load_four_columns(b + 16);
        __builtin_prefetch(b + AC_INT8_WIDTH * depth, 0, 2);
#pragma GCC unroll 8
        for (int r = 0; r < R; r++) {
            long long four;
            memcpy(&four, q + r * stride + k, sizeof four);
            const __m256i x = _mm256_set1_epi64x(four);
            s[r][0] = _mm256_add_epi32(s[r][0], _mm256_madd_epi16(x, b0));
            s[r][1] = _mm256_add_epi32(s[r][1], _mm256_madd_epi16(x, b1));
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) /* the halves lie side by side: 0 1 4 5 2 3 6 7 after adding */
        _mm256_storeu_si256(
            (__m256i *) (void *) (sums + r * AC_INT8_WIDTH),
            _mm256_permute4x64_epi64(_mm256_hadd_epi32(s[r][0], s[r][1]), 0xd8));
}

static void
dots(int32_t *sums, const number *q, int64_t stride, const int8_t *b, int64_t depth, int R)
{
    enum { PANEL = AC_INT8_PANEL };

    for (int c = 0; c < AC_INT8_WIDTH; c += 8) {
        const int8_t *at = b + c / PANEL * PANEL * depth + c % PANEL * 4;
        switch (R) {
#define CASE(n) \
    case n: dots_of(sums + c, q, stride, at, depth, n); break
            CASE(1);
            CASE(2);
            CASE(3);
            CASE(4);
            CASE(5);
            CASE(6);
#undef CASE
        }
    }
}

#include "engine/kernels/int8_body.h"

const ac_int8 ac_int8_avx2 = AC_INT8_TABLE;
