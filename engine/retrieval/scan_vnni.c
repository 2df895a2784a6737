/* int8 scans on CPUs with vpdpbusd, which adds four products of uint8 and int8 to an int32
 * without saturating: AVX512-VNNI and AVX-VNNI. A query's integers (7 bits and sign) are
 * shifted by 128 to be unsigned; 128 times the entry's sum comes off again at the end. */
#include <string.h>

#include "engine/retrieval/scan.h"

#if defined(__x86_64__)
#include <immintrin.h>

enum { SHIFT = 128, HALVES = 2 };

static void
panel_uint8(void *panel, const ac_scan_query *queries, int rows, int64_t D)
{
    uint8_t *y = panel;

    for (int64_t d = 0; d < ac_scan_padded(D); d += AC_SCAN_STEP)
        for (int r = 0; r < rows; r++)
            for (int s = 0; s < AC_SCAN_STEP; s++)
                *y++ = (uint8_t) (queries[r].fine.integers[d + s] + SHIFT);
}

static inline int32_t
four_bytes(const uint8_t *q)
{
    int32_t bits;

    memcpy(&bits, q, sizeof bits);
    return bits;
}

/* A register holds four numbers of each of the 16 entries. Even and odd steps are summed apart:
 * six sums alone would wait for the instruction's latency. */
#define AVX512_INLINE static inline __attribute__((always_inline, target("avx512f,avx512vnni")))

AVX512_INLINE void
tile_rows_avx512(int32_t *out, const int8_t *c, const uint8_t *q, const int32_t *entry_sums,
                 int64_t steps, const int R)
{
    const __m512i shift = _mm512_slli_epi32(_mm512_loadu_si512(entry_sums), 7);
    __m512i sums[AC_SCAN_ROWS][HALVES];
    int64_t i = 0;

#pragma GCC unroll 6
    for (int r = 0; r < R; r++)
        sums[r][0] = sums[r][1] = _mm512_setzero_si512();
    for (; i + HALVES <= steps; i += HALVES) {
#pragma GCC unroll 2
        for (int h = 0; h < HALVES;
             h++, c += AC_SCAN_GROUP * AC_SCAN_STEP, q += R * AC_SCAN_STEP) {
            const __m512i entries = _mm512_loadu_si512(c);
#pragma GCC unroll 6
            for (int r = 0; r < R; r++)
                sums[r][h] = _mm512_dpbusd_epi32(
                    sums[r][h], _mm512_set1_epi32(four_bytes(q + r * AC_SCAN_STEP)), entries);
        }
    }
    if (i < steps) {
        const __m512i entries = _mm512_loadu_si512(c);
#pragma GCC unroll 6
        for (int r = 0; r < R; r++)
            sums[r][0] = _mm512_dpbusd_epi32(
                sums[r][0], _mm512_set1_epi32(four_bytes(q + r * AC_SCAN_STEP)), entries);
    }
#pragma GCC unroll 6
    for (int r = 0; r < R; r++)
        _mm512_storeu_si512(out + r * AC_SCAN_GROUP,
                            _mm512_sub_epi32(_mm512_add_epi32(sums[r][0], sums[r][1]), shift));
}

/* One query reads entries as fast as memory gives them, if no sum waits for itself: eight of
 * them. */
AVX512_INLINE void
tile_one_avx512(int32_t *out, const int8_t *c, const uint8_t *q, const int32_t *entry_sums,
                int64_t steps)
{
    enum { SUMS = 8, GROUP = AC_SCAN_GROUP * AC_SCAN_STEP, AHEAD = 2048 };
    __m512i sums[SUMS], shift = _mm512_slli_epi32(_mm512_loadu_si512(entry_sums), 7);
    int64_t i = 0;

#pragma GCC unroll 8
    for (int h = 0; h < SUMS; h++)
        sums[h] = _mm512_setzero_si512();
    for (; i + SUMS <= steps; i += SUMS) {
#pragma GCC unroll 8
        for (int h = 0; h < SUMS; h++) /* groups follow each other; beyond the last nothing is
                                          fetched */
            _mm_prefetch((const char *) c + (i + h) * GROUP + AHEAD, _MM_HINT_T0);
#pragma GCC unroll 8
        for (int h = 0; h < SUMS; h++)
            sums[h] = _mm512_dpbusd_epi32(
                sums[h], _mm512_set1_epi32(four_bytes(q + (i + h) * AC_SCAN_STEP)),
                _mm512_loadu_si512(c + (i + h) * GROUP));
    }
    for (; i < steps; i++)
        sums[0] =
            _mm512_dpbusd_epi32(sums[0], _mm512_set1_epi32(four_bytes(q + i * AC_SCAN_STEP)),
                                _mm512_loadu_si512(c + i * GROUP));
#pragma GCC unroll 8
    for (int h = 1; h < SUMS; h++)
        sums[0] = _mm512_add_epi32(sums[0], sums[h]);
    _mm512_storeu_si512(out, _mm512_sub_epi32(sums[0], shift));
}

__attribute__((target("avx512f,avx512vnni"))) static void
tile_avx512(void *out, const void *entries, const void *panel, const int32_t *sums, int64_t D,
            int rows)
{
    const int64_t steps = ac_scan_padded(D) / AC_SCAN_STEP;

    switch (rows) {
    case 1: tile_one_avx512(out, entries, panel, sums, steps); break;
    case 2: tile_rows_avx512(out, entries, panel, sums, steps, 2); break;
    case 3: tile_rows_avx512(out, entries, panel, sums, steps, 3); break;
    case 4: tile_rows_avx512(out, entries, panel, sums, steps, 4); break;
    case 5: tile_rows_avx512(out, entries, panel, sums, steps, 5); break;
    default: tile_rows_avx512(out, entries, panel, sums, steps, 6); break;
    }
}

/* R queries against two groups: a query's numbers are loaded once for both. */
AVX512_INLINE void
tile_two_rows(int32_t *out, const void *const groups[2], const uint8_t *q,
              const int32_t *const entry_sums[2], int64_t steps, const int R)
{
    const int8_t *c = groups[0], *second = groups[1];
    __m512i sums[AC_SCAN_ROWS][2];

#pragma GCC unroll 6
    for (int r = 0; r < R; r++)
        sums[r][0] = sums[r][1] = _mm512_setzero_si512();
    for (int64_t i = 0; i < steps; i++, c += AC_SCAN_GROUP * AC_SCAN_STEP,
                 second += AC_SCAN_GROUP * AC_SCAN_STEP, q += R * AC_SCAN_STEP) {
        const __m512i a = _mm512_loadu_si512(c), b = _mm512_loadu_si512(second);
#pragma GCC unroll 6
        for (int r = 0; r < R; r++) {
            const __m512i x = _mm512_set1_epi32(four_bytes(q + r * AC_SCAN_STEP));
            sums[r][0] = _mm512_dpbusd_epi32(sums[r][0], x, a);
            sums[r][1] = _mm512_dpbusd_epi32(sums[r][1], x, b);
        }
    }
    for (int g = 0; g < 2; g++) {
        const __m512i shift = _mm512_slli_epi32(_mm512_loadu_si512(entry_sums[g]), 7);
#pragma GCC unroll 6
        for (int r = 0; r < R; r++)
            _mm512_storeu_si512(out + (g * AC_SCAN_ROWS + r) * AC_SCAN_GROUP,
                                _mm512_sub_epi32(sums[r][g], shift));
    }
}

__attribute__((target("avx512f,avx512vnni"))) static void
tile_two_avx512(int32_t *out, const void *const groups[2], const void *panel,
                const int32_t *const sums[2], int64_t D, int rows)
{
    const int64_t steps = ac_scan_padded(D) / AC_SCAN_STEP;

    switch (rows) {
    case 1: tile_two_rows(out, groups, panel, sums, steps, 1); break;
    case 2: tile_two_rows(out, groups, panel, sums, steps, 2); break;
    case 3: tile_two_rows(out, groups, panel, sums, steps, 3); break;
    case 4: tile_two_rows(out, groups, panel, sums, steps, 4); break;
    case 5: tile_two_rows(out, groups, panel, sums, steps, 5); break;
    default: tile_two_rows(out, groups, panel, sums, steps, 6); break;
    }
}

__attribute__((target("avx512f"))) static void
select_avx512(uint32_t *masks, const int32_t *out, const ac_scan_facts *facts,
              const ac_scan_query *queries, const float *limits, int rows)
{
    const __m512 scales = _mm512_loadu_ps(facts->scales),
                 errors = _mm512_loadu_ps(facts->errors), norms = _mm512_loadu_ps(facts->norms);

    for (int r = 0; r < rows; r++) {
        const ac_scan_rounded *q = &queries[r].fine;
        const __m512 x = _mm512_cvtepi32_ps(_mm512_loadu_si512(out + r * AC_SCAN_GROUP)),
                     score = _mm512_mul_ps(_mm512_mul_ps(x, scales), _mm512_set1_ps(q->scale)),
                     radius = _mm512_add_ps(_mm512_mul_ps(_mm512_set1_ps(q->spread), errors),
                                            _mm512_mul_ps(_mm512_set1_ps(q->slack), norms));
        masks[r] = _mm512_cmp_ps_mask(_mm512_add_ps(score, radius), _mm512_set1_ps(limits[r]),
                                      _CMP_NLT_UQ);
    }
}

const ac_scan_kernel ac_scan_int8_avx512vnni = {
    .name = "int8 avx512-vnni",
    .scan = AC_SCAN_INT8,
    .instructions = AC_CPU_AVX512 | AC_CPU_AVX512_VNNI,
    .query_max = 127,
    .query_bytes = sizeof(uint8_t),
    .panel = panel_uint8,
    .tile = tile_avx512,
    .tile_two = tile_two_avx512,
    .select = select_avx512,
};

#define AVXVNNI_INLINE static inline __attribute__((always_inline, target("avx2,avxvnni")))

AVXVNNI_INLINE void
tile_rows_avxvnni(int32_t *out, const int8_t *c, const uint8_t *q, const int32_t *entry_sums,
                  int64_t steps, const int R)
{
    __m256i sums[AC_SCAN_ROWS][2];

#pragma GCC unroll 6
    for (int r = 0; r < R; r++)
        sums[r][0] = sums[r][1] = _mm256_setzero_si256();
    for (int64_t i = 0; i < steps;
         i++, c += AC_SCAN_GROUP * AC_SCAN_STEP, q += R * AC_SCAN_STEP) {
        const __m256i a = _mm256_loadu_si256((const __m256i *) c),
                      b = _mm256_loadu_si256((const __m256i *) (c + 32));
#pragma GCC unroll 6
        for (int r = 0; r < R; r++) {
            const __m256i x = _mm256_set1_epi32(four_bytes(q + r * AC_SCAN_STEP));
            sums[r][0] = _mm256_dpbusd_avx_epi32(sums[r][0], x, a);
            sums[r][1] = _mm256_dpbusd_avx_epi32(sums[r][1], x, b);
        }
    }
#pragma GCC unroll 6
    for (int r = 0; r < R; r++) {
        for (int h = 0; h < 2; h++) {
            const __m256i shift = _mm256_slli_epi32(
                _mm256_loadu_si256((const __m256i *) (entry_sums + 8 * h)), 7);
            _mm256_storeu_si256((__m256i *) (out + r * AC_SCAN_GROUP + 8 * h),
                                _mm256_sub_epi32(sums[r][h], shift));
        }
    }
}

__attribute__((target("avx2,avxvnni"))) static void
tile_avxvnni(void *out, const void *entries, const void *panel, const int32_t *sums, int64_t D,
             int rows)
{
    const int64_t steps = ac_scan_padded(D) / AC_SCAN_STEP;

    switch (rows) {
    case 1: tile_rows_avxvnni(out, entries, panel, sums, steps, 1); break;
    case 2: tile_rows_avxvnni(out, entries, panel, sums, steps, 2); break;
    case 3: tile_rows_avxvnni(out, entries, panel, sums, steps, 3); break;
    case 4: tile_rows_avxvnni(out, entries, panel, sums, steps, 4); break;
    case 5: tile_rows_avxvnni(out, entries, panel, sums, steps, 5); break;
    default: tile_rows_avxvnni(out, entries, panel, sums, steps, 6); break;
    }
}

const ac_scan_kernel ac_scan_int8_avxvnni = {
    .name = "int8 avx-vnni",
    .scan = AC_SCAN_INT8,
    .instructions = AC_CPU_AVX2 | AC_CPU_AVX_VNNI,
    .query_max = 127,
    .query_bytes = sizeof(uint8_t),
    .panel = panel_uint8,
    .tile = tile_avxvnni,
};
#endif
