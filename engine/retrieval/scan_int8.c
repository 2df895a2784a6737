/* int8 scans whose sums are exact integers: the scalar reference, and AVX2 by way of int16 products.
 *
 * AVX2's own int8 product (vpmaddubsw) saturates pairs at 32767, which would void the bound; numbers kept small enough for
 * it cost more in survivors than they save. Extended to int16, entries take vpmaddwd, which is exact, and the query may use
 * 14 bits, so that only the entries' rounding counts in the bound. */
#include <string.h>

#include "engine/retrieval/scan.h"

enum { QUERY_MAX = 8191 };

static bool
always(void)
{
    return true;
}

static void
panel_int16(void *panel, const ac_scan_query *queries, int rows, int64_t D)
{
    int16_t *y = panel;

    for (int64_t d = 0; d < ac_scan_padded(D); d += AC_SCAN_STEP)
        for (int r = 0; r < rows; r++, y += AC_SCAN_STEP)
            memcpy(y, queries[r].integers + d, AC_SCAN_STEP * sizeof *y);
}

static void
tile_scalar(void *out, const void *entries, const void *panel, const int32_t *sums, int64_t D, int rows)
{
    const int8_t *c = entries;
    const int16_t *q = panel;
    int32_t *y = out;

    (void) sums;
    memset(y, 0, (size_t) rows * AC_SCAN_GROUP * sizeof *y);
    for (int64_t d = 0; d < ac_scan_padded(D); d += AC_SCAN_STEP, c += AC_SCAN_GROUP * AC_SCAN_STEP)
        for (int r = 0; r < rows; r++, q += AC_SCAN_STEP)
            for (int j = 0; j < AC_SCAN_GROUP; j++)
                for (int s = 0; s < AC_SCAN_STEP; s++)
                    y[r * AC_SCAN_GROUP + j] += q[s] * c[j * AC_SCAN_STEP + s];
}

const ac_scan_kernel ac_scan_int8_scalar = {
    .name = "int8 scalar",
    .scan = AC_SCAN_INT8,
    .is_available = always,
    .query_max = QUERY_MAX,
    .query_bytes = sizeof(int16_t),
    .panel = panel_int16,
    .tile = tile_scalar,
};

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))
#define AVX2_INLINE static inline __attribute__((always_inline, target("avx2")))

static bool
has_avx2(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2");
}

/* int8 [D / 4][16][4] -> int16 [D / 4][16][4] */
AVX2 static void
expand_avx2(void *tile, const void *group, int64_t D, int64_t count)
{
    const __m128i *x = group;
    __m256i *y = tile;

    (void) count;
    for (int64_t i = 0; i < ac_scan_padded(D); i++)
        _mm256_store_si256(y + i, _mm256_cvtepi8_epi16(_mm_loadu_si128(x + i)));
}

/* Four entries' pairs of partial sums in each of two registers -> eight sums in order. */
AVX2_INLINE __m256i
join(__m256i a, __m256i b)
{
    return _mm256_permute4x64_epi64(_mm256_hadd_epi32(a, b), 0xd8);
}

AVX2_INLINE __m256i
broadcast4(const int16_t *q)
{
    int64_t bits;

    memcpy(&bits, q, sizeof bits);
    return _mm256_set1_epi64x(bits);
}

/* R queries against 8 entries (16 int16 numbers of four entries a register, twice). */
AVX2_INLINE void
tile_half(int32_t *out, const __m256i *entries, const int16_t *q, int64_t steps, const int R)
{
    __m256i sums[AC_SCAN_ROWS][2];

#pragma GCC unroll 6
    for (int r = 0; r < R; r++)
        sums[r][0] = sums[r][1] = _mm256_setzero_si256();
    for (int64_t i = 0; i < steps; i++, entries += 4, q += R * AC_SCAN_STEP) {
        const __m256i a = _mm256_load_si256(entries), b = _mm256_load_si256(entries + 1);
#pragma GCC unroll 6
        for (int r = 0; r < R; r++) {
            const __m256i x = broadcast4(q + r * AC_SCAN_STEP);
            sums[r][0] = _mm256_add_epi32(sums[r][0], _mm256_madd_epi16(a, x));
            sums[r][1] = _mm256_add_epi32(sums[r][1], _mm256_madd_epi16(b, x));
        }
    }
#pragma GCC unroll 6
    for (int r = 0; r < R; r++)
        _mm256_storeu_si256((__m256i *) (out + r * AC_SCAN_GROUP), join(sums[r][0], sums[r][1]));
}

AVX2_INLINE void
tile_rows(int32_t *out, const __m256i *entries, const int16_t *q, int64_t steps, const int R)
{
    tile_half(out, entries, q, steps, R);
    tile_half(out + 8, entries + 2, q, steps, R);
}

AVX2 static void
tile_avx2(void *out, const void *entries, const void *panel, const int32_t *sums, int64_t D, int rows)
{
    const int64_t steps = ac_scan_padded(D) / AC_SCAN_STEP;

    (void) sums;
    switch (rows) {
    case 1: tile_rows(out, entries, panel, steps, 1); break;
    case 2: tile_rows(out, entries, panel, steps, 2); break;
    case 3: tile_rows(out, entries, panel, steps, 3); break;
    case 4: tile_rows(out, entries, panel, steps, 4); break;
    case 5: tile_rows(out, entries, panel, steps, 5); break;
    default: tile_rows(out, entries, panel, steps, 6); break;
    }
}

/* R queries against 16 entries read as int8: where there are so few queries, memory is what counts. */
AVX2_INLINE void
tile_direct_rows(int32_t *out, const __m128i *entries, const int16_t *q, int64_t steps, const int R)
{
    __m256i sums[3][4];

#pragma GCC unroll 3
    for (int r = 0; r < R; r++)
        sums[r][0] = sums[r][1] = sums[r][2] = sums[r][3] = _mm256_setzero_si256();
    for (int64_t i = 0; i < steps; i++, entries += 4, q += R * AC_SCAN_STEP) {
        __m256i x[3];
#pragma GCC unroll 3
        for (int r = 0; r < R; r++)
            x[r] = broadcast4(q + r * AC_SCAN_STEP);
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) {
            const __m256i c = _mm256_cvtepi8_epi16(_mm_loadu_si128(entries + j));
#pragma GCC unroll 3
            for (int r = 0; r < R; r++)
                sums[r][j] = _mm256_add_epi32(sums[r][j], _mm256_madd_epi16(c, x[r]));
        }
    }
#pragma GCC unroll 3
    for (int r = 0; r < R; r++) {
        _mm256_storeu_si256((__m256i *) (out + r * AC_SCAN_GROUP), join(sums[r][0], sums[r][1]));
        _mm256_storeu_si256((__m256i *) (out + r * AC_SCAN_GROUP + 8), join(sums[r][2], sums[r][3]));
    }
}

AVX2 static void
tile_direct_avx2(void *out, const void *group, const void *panel, int64_t D, int rows, int64_t count)
{
    const int64_t steps = ac_scan_padded(D) / AC_SCAN_STEP;

    (void) count;
    switch (rows) {
    case 1: tile_direct_rows(out, group, panel, steps, 1); break;
    case 2: tile_direct_rows(out, group, panel, steps, 2); break;
    default: tile_direct_rows(out, group, panel, steps, 3); break;
    }
}

const ac_scan_kernel ac_scan_int8_avx2 = {
    .name = "int8 avx2",
    .scan = AC_SCAN_INT8,
    .is_available = has_avx2,
    .query_max = QUERY_MAX,
    .query_bytes = sizeof(int16_t),
    .tile_bytes = sizeof(int16_t),
    .direct_rows = 3,
    .panel = panel_int16,
    .expand = expand_avx2,
    .tile = tile_avx2,
    .tile_direct = tile_direct_avx2,
};
#endif
