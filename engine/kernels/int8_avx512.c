/* int8 products with AVX-512BW, for CPUs without VNNI: as with AVX2, 12 rows by 16 columns, 24
 * accumulators of two half sums for each of 8 columns. */
#include "engine/kernels/int8_lanes16_body.h"

typedef int16_t number;

enum { ROWS = 12 };

static inline void
store_rounded(number *p, vec x, ivec zero)
{
    const __m512i q = rounded(x, zero);

    _mm256_storeu_si256((__m256i *) (void *) p,
                        _mm512_cvtepi32_epi16(_mm512_min_epi32(q, _mm512_set1_epi32(255))));
}

static inline __m512i
load_eight_columns(const int8_t *b)
{
    return _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *) (const void *) b));
}

static inline __attribute__((always_inline)) void
dots_of(int32_t *sums, const number *q, int64_t stride, const int8_t *b, int64_t depth,
        const int R)
{
    const __m512i even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4,
                                          2, 0),
                  odd = _mm512_set_epi32(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3,
                                         1);
    __m512i s[ROWS][2];

#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
        s[r][0] = s[r][1] = _mm512_setzero_si512();
    for (int64_t k = 0; k < depth; k += 4, b += 4 * AC_INT8_PANEL) {
        const __m512i b0 = load_eight_columns(b), b1 = load_eight_columns(b + 32);
        __builtin_prefetch(b + AC_INT8_WIDTH * depth, 0, 2);
#pragma GCC unroll 16
        for (int r = 0; r < R; r++) {
            long long four;
            memcpy(&four, q + r * stride + k, sizeof four);
            const __m512i x = _mm512_set1_epi64(four);
            s[r][0] = _mm512_add_epi32(s[r][0], _mm512_madd_epi16(x, b0));
            s[r][1] = _mm512_add_epi32(s[r][1], _mm512_madd_epi16(x, b1));
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
        _mm512_storeu_si512(sums + r * AC_INT8_WIDTH,
                            _mm512_add_epi32(_mm512_permutex2var_epi32(s[r][0], even, s[r][1]),
                                             _mm512_permutex2var_epi32(s[r][0], odd, s[r][1])));
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

const ac_int8 ac_int8_avx512 = AC_INT8_TABLE;
