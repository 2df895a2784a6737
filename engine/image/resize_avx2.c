/* The pass along rows of RGB images with AVX2: four rows at a time, four taps a step. Compiled
 * with -mavx2, called where the CPU has it.
 *
 * Weights have 22 bits, the multiply-add of 16-bit pairs has 15. So a weight is split, w = 2048
 * high + low, both halves are summed exactly, and 2048 sum(high) + sum(low) is the same integer
 * as the plain sum: the same bytes. */
#include <immintrin.h>
#include <string.h>

#include "engine/image/resize.h"

enum { ROWS = 4, PRECISION = 22 };

/* x: the first input of each row's output; pairs [groups, 8]: four low halves, four high ones.
 */
static inline void
one_output(uint8_t *const y[ROWS], const uint8_t *const x[ROWS], const int16_t *pairs,
           int64_t groups)
{
    const __m256i spread =
        _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1,
                         -1, /* taps 0, 1: red, green, blue */
                         6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
    const __m256i lows = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1),
                  highs = _mm256_setr_epi32(2, 2, 2, 2, 3, 3, 3, 3);
    __m256i low[ROWS], high[ROWS];

    for (int r = 0; r < ROWS; r++)
        low[r] = high[r] = _mm256_setzero_si256();
    for (int64_t g = 0; g < groups; g++) {
        const __m256i w = _mm256_castsi128_si256(
            _mm_loadu_si128((const __m128i *) (const void *) (pairs + g * 8)));
        const __m256i w_low = _mm256_permutevar8x32_epi32(w, lows),
                      w_high = _mm256_permutevar8x32_epi32(w, highs);
        for (int r = 0; r < ROWS; r++) {
            const __m128i four =
                _mm_loadu_si128((const __m128i *) (const void *) (x[r] + g * 12));
            const __m256i taps = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(four), spread);
            low[r] = _mm256_add_epi32(low[r], _mm256_madd_epi16(taps, w_low));
            high[r] = _mm256_add_epi32(high[r], _mm256_madd_epi16(taps, w_high));
        }
    }
    for (int r = 0; r < ROWS; r++) {
        const __m256i both = _mm256_add_epi32(low[r], _mm256_slli_epi32(high[r], 11));
        __m128i sum =
            _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
        int32_t pixel;
        sum =
            _mm_srai_epi32(_mm_add_epi32(sum, _mm_set1_epi32(1 << (PRECISION - 1))), PRECISION);
        sum = _mm_packs_epi32(sum, sum);
        pixel = _mm_cvtsi128_si32(_mm_packus_epi16(sum, sum));
        memcpy(y[r], &pixel, 3);
    }
}

int64_t
ac_resize_horizontal_rgb_avx2(uint8_t *y, const uint8_t *x, int64_t rows, int64_t width,
                              const ac_taps *t)
{
    int64_t r = 0, furthest = 0;

    for (int64_t i = 0; i < t->count; i++) { /* a step reads 16 bytes, 4 more than its taps */
        const int64_t end = t->start[i] * 3 + (t->length[i] + 3) / 4 * 12 + 4;
        furthest = end > furthest ? end : furthest;
    }
    for (; r + ROWS <= rows && (r + ROWS - 1) * width * 3 + furthest <= rows * width * 3;
         r += ROWS) {
        for (int64_t i = 0; i < t->count; i++) {
            const uint8_t *from = x + r * width * 3 + t->start[i] * 3;
            uint8_t *to = y + (r * t->count + i) * 3;
            uint8_t *const outputs[ROWS] = { to, to + t->count * 3, to + 2 * t->count * 3,
                                             to + 3 * t->count * 3 };
            const uint8_t *const inputs[ROWS] = { from, from + width * 3, from + 2 * width * 3,
                                                  from + 3 * width * 3 };
            one_output(outputs, inputs, t->pairs + i * ((t->most + 3) / 4) * 8,
                       (t->length[i] + 3) / 4);
        }
    }
    return r;
}
