/* int8 scans whose sums are exact integers: the scalar reference, and AVX2.
 *
 * AVX2's own int8 product (vpmaddubsw) saturates pairs at 32767, which would void the bound.
 * The fine stage therefore extends entries to int16 and takes vpmaddwd, which is exact and lets
 * the query have 14 bits, so that only the entries' rounding counts. The coarse stage keeps
 * numbers so small that vpmaddubsw cannot saturate. */
#include <string.h>

#include "engine/retrieval/scan.h"

enum { QUERY_MAX = 8191 };

static void
panel_int16(void *panel, const ac_scan_query *queries, int rows, int64_t D)
{
    int16_t *y = panel;

    for (int64_t d = 0; d < ac_scan_padded(D); d += AC_SCAN_STEP)
        for (int r = 0; r < rows; r++, y += AC_SCAN_STEP)
            memcpy(y, queries[r].fine.integers + d, AC_SCAN_STEP * sizeof *y);
}

static void
tile_scalar(void *out, const void *entries, const void *panel, const int32_t *sums, int64_t D,
            int rows)
{
    const int8_t *c = entries;
    const int16_t *q = panel;
    int32_t *y = out;

    (void) sums;
    memset(y, 0, (size_t) rows * AC_SCAN_GROUP * sizeof *y);
    for (int64_t d = 0; d < ac_scan_padded(D);
         d += AC_SCAN_STEP, c += AC_SCAN_GROUP * AC_SCAN_STEP)
        for (int r = 0; r < rows; r++, q += AC_SCAN_STEP)
            for (int j = 0; j < AC_SCAN_GROUP; j++)
                for (int s = 0; s < AC_SCAN_STEP; s++)
                    y[r * AC_SCAN_GROUP + j] += q[s] * c[j * AC_SCAN_STEP + s];
}

const ac_scan_kernel ac_scan_int8_scalar = {
    .name = "int8 scalar",
    .scan = AC_SCAN_INT8,
    .query_max = QUERY_MAX,
    .query_bytes = sizeof(int16_t),
    .panel = panel_int16,
    .tile = tile_scalar,
};

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))
#define AVX2_INLINE static inline __attribute__((always_inline, target("avx2")))

/* sum += x, in its own register: gcc 12 reorders integer sums until it runs out of registers,
 * and spills them. */
#define ADD(sum, x) __asm__("vpaddd %1, %0, %0" : "+x"(sum) : "x"(x))

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

/* R queries against 8 entries (16 int16 numbers of four entries per register, twice). */
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
            ADD(sums[r][0], _mm256_madd_epi16(a, x));
            ADD(sums[r][1], _mm256_madd_epi16(b, x));
        }
    }
#pragma GCC unroll 6
    for (int r = 0; r < R; r++)
        _mm256_storeu_si256((__m256i *) (out + r * AC_SCAN_GROUP),
                            join(sums[r][0], sums[r][1]));
}

AVX2_INLINE void
tile_rows(int32_t *out, const __m256i *entries, const int16_t *q, int64_t steps, const int R)
{
    tile_half(out, entries, q, steps, R);
    tile_half(out + 8, entries + 2, q, steps, R);
}

AVX2 static void
tile_avx2(void *out, const void *entries, const void *panel, const int32_t *sums, int64_t D,
          int rows)
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

/* R queries against 16 entries read as int8: where there are so few queries, memory is what
 * counts. */
AVX2_INLINE void
tile_direct_rows(int32_t *out, const __m128i *entries, const int16_t *q, int64_t steps,
                 const int R)
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
                ADD(sums[r][j], _mm256_madd_epi16(c, x[r]));
        }
    }
#pragma GCC unroll 3
    for (int r = 0; r < R; r++) {
        _mm256_storeu_si256((__m256i *) (out + r * AC_SCAN_GROUP),
                            join(sums[r][0], sums[r][1]));
        _mm256_storeu_si256((__m256i *) (out + r * AC_SCAN_GROUP + 8),
                            join(sums[r][2], sums[r][3]));
    }
}

AVX2 static void
tile_direct_avx2(void *out, const void *group, const void *panel, int64_t D, int rows,
                 int64_t count)
{
    const int64_t steps = ac_scan_padded(D) / AC_SCAN_STEP;

    (void) count;
    switch (rows) {
    case 1: tile_direct_rows(out, group, panel, steps, 1); break;
    case 2: tile_direct_rows(out, group, panel, steps, 2); break;
    default: tile_direct_rows(out, group, panel, steps, 3); break;
    }
}

/*
 * The coarse stage: the upper 7 bits of an entry's 8, shifted by 64 to be unsigned, and queries
 * of 7 bits. Four products of vpmaddubsw make at most 4 * 127 * 64 = 32,512, so that nothing
 * saturates and two of them can be added before they are widened: three multiplications for 64
 * products where the fine stage takes four.
 */
enum { COARSE_QUERY_MAX = 64, COARSE_DIMENSION_MAX = 8192 };

/* [D / 8][rows][8] int8 */
static void
coarse_panel(void *panel, const ac_scan_query *queries, int rows, int64_t D)
{
    int8_t *y = panel;

    for (int64_t from = 0; from < ac_scan_coarse_padded(D); from += AC_SCAN_COARSE_STEP)
        for (int r = 0; r < rows; r++)
            for (int64_t d = from; d < from + AC_SCAN_COARSE_STEP; d++)
                *y++ = d < D ? (int8_t) queries[r].coarse.integers[d] : 0;
}

/* int8 [D / 4][16][4] -> uint8 [2][D / 8][2][8][4]: the first 8 entries of all steps, then the
 * others. */
AVX2 static void
coarse_expand(void *tile, const void *group, int64_t D)
{
    const int64_t steps = ac_scan_padded(D) / AC_SCAN_STEP,
                  even = ac_scan_coarse_padded(D) / AC_SCAN_STEP;
    const __m256i *x = group;
    __m256i *y = tile;

    for (int64_t i = 0; i < even; i++) {
        for (int h = 0; h < 2; h++) {
            const __m256i c =
                i < steps ? _mm256_loadu_si256(x + 2 * i + h) : _mm256_setzero_si256();
            const __m256i shifted = _mm256_xor_si256(c, _mm256_set1_epi8(-128)); /* c + 128 */
            _mm256_store_si256(y + h * even + i, _mm256_and_si256(_mm256_srli_epi16(shifted, 1),
                                                                  _mm256_set1_epi8(127)));
        }
    }
}

AVX2_INLINE __m256i
broadcast_bytes(const int8_t *q)
{
    int32_t bits;

    memcpy(&bits, q, sizeof bits);
    return _mm256_set1_epi32(bits);
}

AVX2_INLINE void
coarse_half(int32_t *out, const __m256i *entries, const int8_t *q, int64_t pairs, const int R)
{
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i sums[AC_SCAN_ROWS];

#pragma GCC unroll 6
    for (int r = 0; r < R; r++)
        sums[r] = _mm256_setzero_si256();
    for (int64_t i = 0; i < pairs; i++, entries += 2, q += R * AC_SCAN_COARSE_STEP) {
        const __m256i a = _mm256_load_si256(entries), b = _mm256_load_si256(entries + 1);
#pragma GCC unroll 6
        for (int r = 0; r < R; r++) {
            const __m256i x =
                _mm256_maddubs_epi16(a, broadcast_bytes(q + r * AC_SCAN_COARSE_STEP));
            const __m256i y = _mm256_maddubs_epi16(
                b, broadcast_bytes(q + r * AC_SCAN_COARSE_STEP + AC_SCAN_STEP));
            ADD(sums[r], _mm256_madd_epi16(_mm256_add_epi16(x, y), ones));
        }
    }
#pragma GCC unroll 6
    for (int r = 0; r < R; r++)
        _mm256_storeu_si256((__m256i *) (out + r * AC_SCAN_GROUP), sums[r]);
}

AVX2_INLINE void
coarse_rows(int32_t *out, const __m256i *entries, const int8_t *q, int64_t pairs, const int R)
{
    coarse_half(out, entries, q, pairs, R);
    coarse_half(out + 8, entries + 2 * pairs, q, pairs, R);
}

/* The integers stand for (q^.c^ / scales + 64 sum(q)): the entries are shifted by 64, and each
 * of their 7-bit numbers i for the middle of two 8-bit ones, 2 i + 1/2. So q^.c^ over the
 * scales is 2 out - 127.5 sum(q). */
AVX2 static void
coarse_tile(int32_t *out, const void *tile, const void *panel, int64_t D, int rows)
{
    const int64_t pairs = ac_scan_coarse_padded(D) / AC_SCAN_COARSE_STEP;

    switch (rows) {
    case 1: coarse_rows(out, tile, panel, pairs, 1); break;
    case 2: coarse_rows(out, tile, panel, pairs, 2); break;
    case 3: coarse_rows(out, tile, panel, pairs, 3); break;
    case 4: coarse_rows(out, tile, panel, pairs, 4); break;
    case 5: coarse_rows(out, tile, panel, pairs, 5); break;
    default: coarse_rows(out, tile, panel, pairs, 6); break;
    }
}

/* Entry j of a group at full width: its numbers lie four by four, 64 bytes apart. */
AVX2 static int32_t
fine_one(const void *group, const int16_t *q, int64_t D, int j)
{
    const int8_t *c = (const int8_t *) group + j * AC_SCAN_STEP;
    const int64_t steps = ac_scan_padded(D) / AC_SCAN_STEP;
    __m256i sum = _mm256_setzero_si256();
    __m128i half;
    int32_t rest = 0;
    int64_t i = 0;

    for (; i + 4 <= steps;
         i += 4, c += 4 * AC_SCAN_GROUP * AC_SCAN_STEP, q += 4 * AC_SCAN_STEP) {
        int32_t four[4];
        for (int h = 0; h < 4; h++)
            memcpy(&four[h], c + h * AC_SCAN_GROUP * AC_SCAN_STEP, sizeof four[h]);
        const __m256i x =
            _mm256_cvtepi8_epi16(_mm_set_epi32(four[3], four[2], four[1], four[0]));
        sum = _mm256_add_epi32(sum,
                               _mm256_madd_epi16(x, _mm256_loadu_si256((const __m256i *) q)));
    }
    for (; i < steps; i++, c += AC_SCAN_GROUP * AC_SCAN_STEP, q += AC_SCAN_STEP)
        for (int s = 0; s < AC_SCAN_STEP; s++)
            rest += q[s] * c[s];
    half = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    half = _mm_hadd_epi32(half, half);
    half = _mm_hadd_epi32(half, half);
    return rest + _mm_cvtsi128_si32(half);
}

/* Bit j of masks[r]: the upper bound of query r and entry j is not below limits[r] (or not a
 * number). */
AVX2 static void
coarse_select(uint32_t *masks, const int32_t *tile, const ac_scan_facts *facts,
              const ac_scan_query *queries, const float *limits, int rows)
{
    for (int r = 0; r < rows; r++) {
        const ac_scan_rounded *q = &queries[r].coarse;
        const __m256 A = _mm256_set1_ps(q->spread), B = _mm256_set1_ps(q->slack),
                     half = _mm256_set1_ps(0.5f * q->scale);
        const __m256i shift = _mm256_set1_epi32(255 * queries[r].coarse_sum);
        masks[r] = 0;
        for (int h = 0; h < AC_SCAN_GROUP; h += 8) {
            const __m256i twice = _mm256_sub_epi32(
                _mm256_slli_epi32(
                    _mm256_loadu_si256((const __m256i *) (tile + r * AC_SCAN_GROUP + h)), 2),
                shift);
            const __m256 score = _mm256_mul_ps(
                _mm256_mul_ps(_mm256_cvtepi32_ps(twice), _mm256_loadu_ps(facts->scales + h)),
                half);
            const __m256 radius =
                _mm256_add_ps(_mm256_mul_ps(A, _mm256_loadu_ps(facts->coarse_errors + h)),
                              _mm256_mul_ps(B, _mm256_loadu_ps(facts->coarse_norms + h)));
            const __m256 keep = _mm256_cmp_ps(_mm256_add_ps(score, radius),
                                              _mm256_set1_ps(limits[r]), _CMP_NLT_UQ);
            masks[r] |= (uint32_t) _mm256_movemask_ps(keep) << h;
        }
    }
}

static const ac_scan_coarse coarse_avx2 = {
    .query_max = COARSE_QUERY_MAX,
    .dimension_max = COARSE_DIMENSION_MAX,
    .panel = coarse_panel,
    .expand = coarse_expand,
    .tile = coarse_tile,
    .select = coarse_select,
    .fine_one = fine_one,
};

const ac_scan_kernel ac_scan_int8_avx2 = {
    .name = "int8 avx2",
    .scan = AC_SCAN_INT8,
    .instructions = AC_CPU_AVX2,
    .query_max = QUERY_MAX,
    .query_bytes = sizeof(int16_t),
    .tile_bytes = sizeof(int16_t),
    .coarse = &coarse_avx2,
    .direct_rows = 3,
    .panel = panel_int16,
    .expand = expand_avx2,
    .tile = tile_avx2,
    .tile_direct = tile_direct_avx2,
};
#endif
