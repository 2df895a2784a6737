/* fp32 arithmetic on entries stored in bfloat16 (half the bytes) or on the caller's fp32 rows.
 * A group is expanded to a tile [D][16] of fp32 once, and then serves every query. */
#include <string.h>

#include "engine/retrieval/scan.h"

static void
panel_fp32(void *panel, const ac_scan_query *queries, int rows, int64_t D)
{
    float *y = panel;

    for (int64_t d = 0; d < D; d++)
        for (int r = 0; r < rows; r++)
            *y++ = queries[r].q[d];
}

static void
expand_bf16(void *tile, const void *group, int64_t D, int64_t count)
{
    const uint16_t *x = group;

    (void) count;
    for (int64_t i = 0; i < D * AC_SCAN_GROUP; i++) {
        const uint32_t bits = (uint32_t) x[i] << 16;
        memcpy((float *) tile + i, &bits, sizeof bits);
    }
}

/* Rows [count, D] to columns [D][16]; missing rows are zero. Eight elements of a row at a time,
 * so that the tile is written in whole cache lines while the rows' lines are still near. */
static void
expand_fp32(void *tile, const void *group, int64_t D, int64_t count)
{
    const float *x = group;
    float *y = tile;

    if (count < AC_SCAN_GROUP)
        memset(y, 0, (size_t) (D * AC_SCAN_GROUP) * sizeof *y);
    for (int64_t from = 0; from < D; from += 8) {
        const int64_t to = from + 8 < D ? from + 8 : D;
        for (int64_t j = 0; j < count; j++)
            for (int64_t d = from; d < to; d++)
                y[d * AC_SCAN_GROUP + j] = x[j * D + d];
    }
}

static void
tile_scalar(void *out, const void *entries, const void *panel, const int32_t *sums, int64_t D,
            int rows)
{
    const float *c = entries, *q = panel;
    float *y = out;

    (void) sums;
    memset(y, 0, (size_t) rows * AC_SCAN_GROUP * sizeof *y);
    for (int64_t d = 0; d < D; d++, c += AC_SCAN_GROUP, q += rows)
        for (int r = 0; r < rows; r++)
            for (int j = 0; j < AC_SCAN_GROUP; j++)
                y[r * AC_SCAN_GROUP + j] += q[r] * c[j];
}

const ac_scan_kernel ac_scan_bf16_scalar = {
    .name = "bf16 scalar",
    .scan = AC_SCAN_BF16,
    .query_bytes = sizeof(float),
    .tile_bytes = sizeof(float),
    .panel = panel_fp32,
    .expand = expand_bf16,
    .tile = tile_scalar,
};

const ac_scan_kernel ac_scan_fp32_scalar = {
    .name = "fp32 scalar",
    .scan = AC_SCAN_FP32,
    .query_bytes = sizeof(float),
    .tile_bytes = sizeof(float),
    .panel = panel_fp32,
    .expand = expand_fp32,
    .tile = tile_scalar,
};

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2,fma")))
#define AVX2_INLINE static inline __attribute__((always_inline, target("avx2,fma")))

/* Eight bfloat16 numbers are the upper halves of eight floats. */
AVX2_INLINE __m256
widen(const uint16_t *x)
{
    return _mm256_castsi256_ps(
        _mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *) x)), 16));
}

AVX2 static void
expand_bf16_avx2(void *tile, const void *group, int64_t D, int64_t count)
{
    (void) count;
    for (int64_t i = 0; i < D * AC_SCAN_GROUP; i += 8)
        _mm256_store_ps((float *) tile + i, widen((const uint16_t *) group + i));
}

AVX2_INLINE void
tile_rows(float *out, const float *c, const float *q, int64_t D, const int R)
{
    __m256 sums[AC_SCAN_ROWS][2];

#pragma GCC unroll 6
    for (int r = 0; r < R; r++)
        sums[r][0] = sums[r][1] = _mm256_setzero_ps();
    for (int64_t d = 0; d < D; d++, c += AC_SCAN_GROUP, q += R) {
        const __m256 a = _mm256_load_ps(c), b = _mm256_load_ps(c + 8);
#pragma GCC unroll 6
        for (int r = 0; r < R; r++) {
            const __m256 x = _mm256_broadcast_ss(q + r);
            sums[r][0] = _mm256_fmadd_ps(a, x, sums[r][0]);
            sums[r][1] = _mm256_fmadd_ps(b, x, sums[r][1]);
        }
    }
#pragma GCC unroll 6
    for (int r = 0; r < R; r++) {
        _mm256_storeu_ps(out + r * AC_SCAN_GROUP, sums[r][0]);
        _mm256_storeu_ps(out + r * AC_SCAN_GROUP + 8, sums[r][1]);
    }
}

AVX2 static void
tile_avx2(void *out, const void *entries, const void *panel, const int32_t *sums, int64_t D,
          int rows)
{
    (void) sums;
    switch (rows) {
    case 1: tile_rows(out, entries, panel, D, 1); break;
    case 2: tile_rows(out, entries, panel, D, 2); break;
    case 3: tile_rows(out, entries, panel, D, 3); break;
    case 4: tile_rows(out, entries, panel, D, 4); break;
    case 5: tile_rows(out, entries, panel, D, 5); break;
    default: tile_rows(out, entries, panel, D, 6); break;
    }
}

/* One or two queries: entries are widened as they are read; even and odd d are summed apart to
 * keep the adders busy. */
AVX2_INLINE void
tile_direct_bf16_rows(float *out, const uint16_t *c, const float *q, int64_t D, const int R)
{
    __m256 sums[2][2][2];
    int64_t d = 0;

#pragma GCC unroll 2
    for (int r = 0; r < R; r++)
        sums[r][0][0] = sums[r][0][1] = sums[r][1][0] = sums[r][1][1] = _mm256_setzero_ps();
    for (; d + 2 <= D; d += 2) {
#pragma GCC unroll 2
        for (int h = 0; h < 2; h++, c += AC_SCAN_GROUP, q += R) {
            const __m256 a = widen(c), b = widen(c + 8);
#pragma GCC unroll 2
            for (int r = 0; r < R; r++) {
                const __m256 x = _mm256_broadcast_ss(q + r);
                sums[r][h][0] = _mm256_fmadd_ps(a, x, sums[r][h][0]);
                sums[r][h][1] = _mm256_fmadd_ps(b, x, sums[r][h][1]);
            }
        }
    }
#pragma GCC unroll 2
    for (int r = 0; r < R; r++) {
        if (d < D) {
            const __m256 x = _mm256_broadcast_ss(q + r);
            sums[r][0][0] = _mm256_fmadd_ps(widen(c), x, sums[r][0][0]);
            sums[r][0][1] = _mm256_fmadd_ps(widen(c + 8), x, sums[r][0][1]);
        }
        _mm256_storeu_ps(out + r * AC_SCAN_GROUP, _mm256_add_ps(sums[r][0][0], sums[r][1][0]));
        _mm256_storeu_ps(out + r * AC_SCAN_GROUP + 8,
                         _mm256_add_ps(sums[r][0][1], sums[r][1][1]));
    }
}

AVX2 static void
tile_direct_bf16(void *out, const void *group, const void *panel, int64_t D, int rows,
                 int64_t count)
{
    (void) count;
    if (rows == 1)
        tile_direct_bf16_rows(out, group, panel, D, 1);
    else
        tile_direct_bf16_rows(out, group, panel, D, 2);
}

AVX2_INLINE float
sum_of(__m256 x)
{
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));

    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

/* One query against the caller's rows, each read once from front to back. */
AVX2 static void
tile_direct_fp32(void *out, const void *group, const void *panel, int64_t D, int rows,
                 int64_t count)
{
    const float *q = panel;
    float *y = out;

    (void) rows;
    memset(y, 0, AC_SCAN_GROUP * sizeof *y);
    for (int64_t j = 0; j < count; j++) {
        const float *c = (const float *) group + j * D;
        __m256 sums[4] = { _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(),
                           _mm256_setzero_ps() };
        float rest = 0;
        int64_t d = 0;
        for (; d + 32 <= D; d += 32)
#pragma GCC unroll 4
            for (int h = 0; h < 4; h++)
                sums[h] = _mm256_fmadd_ps(_mm256_loadu_ps(c + d + 8 * h),
                                          _mm256_loadu_ps(q + d + 8 * h), sums[h]);
        for (; d < D; d++)
            rest += c[d] * q[d];
        y[j] = rest + sum_of(_mm256_add_ps(_mm256_add_ps(sums[0], sums[1]),
                                           _mm256_add_ps(sums[2], sums[3])));
    }
}

const ac_scan_kernel ac_scan_bf16_avx2 = {
    .name = "bf16 avx2",
    .scan = AC_SCAN_BF16,
    .instructions = AC_CPU_AVX2,
    .query_bytes = sizeof(float),
    .tile_bytes = sizeof(float),
    .direct_rows = 2,
    .panel = panel_fp32,
    .expand = expand_bf16_avx2,
    .tile = tile_avx2,
    .tile_direct = tile_direct_bf16,
};

const ac_scan_kernel ac_scan_fp32_avx2 = {
    .name = "fp32 avx2",
    .scan = AC_SCAN_FP32,
    .instructions = AC_CPU_AVX2,
    .query_bytes = sizeof(float),
    .tile_bytes = sizeof(float),
    .direct_rows = 1,
    .panel = panel_fp32,
    .expand = expand_fp32,
    .tile = tile_avx2,
    .tile_direct = tile_direct_fp32,
};
#endif
