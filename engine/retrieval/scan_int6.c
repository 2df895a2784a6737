/* The int6 scan, for the few queries whose time is that of reading the entries. Of the integers
 * of int8, with 128 added, the upper 6 bits lie apart from the lower 2: three quarters of the
 * bytes are read, and the lower bits of those entries alone that the upper ones cannot rule
 * out.
 *
 * The upper bits of sixteen elements of each of a group's entries are three lines of 64 bytes:
 * the lower 4 of them of steps 0 and 1, of steps 2 and 3, and the upper 2 of all four. The
 * lower bits of 256 elements of one entry are a line: elements i, 64 + i, 128 + i, 192 + i in
 * byte i. With so few bits AVX2's product of uint8 and int8 is exact: four of them make at most
 * 4 * 63 * 127 = 32,004.
 *
 * Let u be the upper bits, l the lower ones, q a query's integers, sums over all elements. The
 * integer of 8 bits is 4 u + l - 128, and what the upper ones say is 4 u + 3/2 - 128. A tile
 * gives twice the latter's product, 8 sum(u q) - 253 sum(q): at most 253 * 127 * 65,536 < 2^31
 * (what does not fit on the way wraps around and back). */
#include <string.h>

#include "engine/retrieval/scan.h"

enum {
    SHIFT = 128,
    QUERY_MAX = 127,
    STEPS = AC_SCAN_INT6_ELEMENTS / AC_SCAN_STEP,
    LINE = AC_SCAN_GROUP * AC_SCAN_STEP,
    LINES = 3,   /* of 16 elements */
    TOGETHER = 3 /* queries that share an expanded line */
};

/* Compiled once for any CPU and once for each kind of vectors. */
#define INLINE static inline __attribute__((always_inline))

/* A query: the sum of its integers, then these, as signed bytes. */
static int64_t
stride_of(int64_t D)
{
    return AC_SCAN_INT6_HEAD + 4 * ac_scan_low_bytes(AC_SCAN_INT6, D);
}

static void
panel_int8(void *panel, const ac_scan_query *queries, int rows, int64_t D)
{
    for (int r = 0; r < rows; r++) {
        int8_t *y = (int8_t *) panel + r * stride_of(D);
        int32_t sum = 0;
        memset(y, 0, (size_t) stride_of(D));
        for (int64_t d = 0; d < D; d++) {
            y[AC_SCAN_INT6_HEAD + d] = (int8_t) queries[r].fine.integers[d];
            sum += queries[r].fine.integers[d];
        }
        memcpy(y, &sum, sizeof sum);
    }
}

static int32_t
sum_of(const int8_t *q)
{
    int32_t sum;

    memcpy(&sum, q, sizeof sum);
    return sum;
}

/* What comes off 8 sum(u q). */
static int32_t
head_of(const int8_t *q)
{
    return 253 * sum_of(q);
}

void
ac_scan_int6_pack(unsigned char *group, unsigned char *low, int64_t j, const int8_t *row,
                  int64_t D)
{
    const uint32_t nibble = 0x0f0f0f0f, top = 0x03030303;

    for (int64_t d = 0; d < D; d += LINE) {
        const int64_t n = D - d < LINE ? D - d : LINE;
        unsigned char *line = low + d / AC_SCAN_LOW_ELEMENTS * LINE;
        const int shift = (int) (d % AC_SCAN_LOW_ELEMENTS / LINE * 2);
        for (int64_t i = 0; i < n; i++)
            line[i] = (unsigned char) (line[i] | ((row[d + i] + SHIFT) & 3) << shift);
    }
    for (int64_t d = 0; d < D; d += AC_SCAN_INT6_ELEMENTS, group += LINES * LINE) {
        const int64_t n = D - d < AC_SCAN_INT6_ELEMENTS ? D - d : AC_SCAN_INT6_ELEMENTS;
        uint8_t u[AC_SCAN_INT6_ELEMENTS] = { 0 };
        uint32_t w[STEPS], y[LINES];
        memcpy(u, row + d, (size_t) n);
        for (int64_t i = 0; i < AC_SCAN_INT6_ELEMENTS; i++)
            u[i] = (uint8_t) ((uint8_t) (u[i] + SHIFT) >> 2);
        memcpy(w, u, sizeof w);
        y[0] = (w[0] & nibble) | (w[1] & nibble) << 4;
        y[1] = (w[2] & nibble) | (w[3] & nibble) << 4;
        y[2] = (w[0] >> 4 & top) | (w[1] >> 4 & top) << 2 | (w[2] >> 4 & top) << 4 |
               (w[3] >> 4 & top) << 6;
        for (int l = 0; l < LINES; l++)
            memcpy(group + l * LINE + j * AC_SCAN_STEP, &y[l], sizeof y[l]);
    }
}

static void
tile_scalar(void *out, const void *entries, const void *panel, const int32_t *sums, int64_t D,
            int rows)
{
    const int8_t *q = panel;
    int32_t *y = out;

    (void) sums;
    for (int r = 0; r < rows; r++, q += stride_of(D), y += AC_SCAN_GROUP) {
        const uint8_t *c = entries;
        int32_t products[AC_SCAN_GROUP] = { 0 };
        for (int64_t d = 0; d < D; d += AC_SCAN_INT6_ELEMENTS, c += LINES * LINE)
            for (int s = 0; s < STEPS; s++)
                for (int i = 0; i < LINE; i++)
                    products[i / AC_SCAN_STEP] +=
                        ((c[s / 2 * LINE + i] >> s % 2 * 4 & 15) |
                         (c[2 * LINE + i] >> 2 * s & 3) << 4) *
                        q[AC_SCAN_INT6_HEAD + d + s * AC_SCAN_STEP + i % AC_SCAN_STEP];
        for (int j = 0; j < AC_SCAN_GROUP; j++)
            y[j] = (int32_t) (8 * (int64_t) products[j] - head_of(q));
    }
}

/* 4 sum(u q) - 128 sum(q) + sum(l q), of `upper` = 8 sum(u q) - 253 sum(q). */
INLINE int32_t
refine(int32_t upper, const unsigned char *low, const int8_t *q, int64_t D)
{
    const int32_t sum = sum_of(q);
    int32_t rest = 0;

    q += AC_SCAN_INT6_HEAD;
    for (int64_t d = 0; d < D; d += AC_SCAN_LOW_ELEMENTS, low += LINE)
        for (int k = 0; k < AC_SCAN_LOW_ELEMENTS / LINE; k++, q += LINE)
            for (int i = 0; i < LINE; i++)
                rest += (low[i] >> 2 * k & 3) * q[i];
    return (int32_t) (((int64_t) upper - 3 * (int64_t) sum) / 2) + rest;
}

static int32_t
refine_scalar(int32_t upper, const unsigned char *low, const void *query, int64_t D)
{
    return refine(upper, low, query, D);
}

/* Bit j: the upper bound that 6 bits give of entry j is not below the limit (also where it is
 * not a number). */
static void
select_scalar(uint32_t *masks, const int32_t *out, const ac_scan_facts *facts,
              const ac_scan_query *queries, const float *limits, int rows)
{
    for (int r = 0; r < rows; r++, out += AC_SCAN_GROUP) {
        const ac_scan_rounded *q = &queries[r].fine;
        const float half = 0.5f * q->scale;
        masks[r] = 0;
        for (int j = 0; j < AC_SCAN_GROUP; j++)
            masks[r] |= (uint32_t) !((float) out[j] * facts->scales[j] * half +
                                         (q->spread * facts->coarse_errors[j] +
                                          q->slack * facts->coarse_norms[j]) <
                                     limits[r])
                        << j;
    }
}

const ac_scan_kernel ac_scan_int6_scalar = {
    .name = "int6 scalar",
    .scan = AC_SCAN_INT6,
    .query_max = QUERY_MAX,
    .query_bytes = sizeof(int8_t),
    .panel = panel_int8,
    .tile = tile_scalar,
    .select = select_scalar,
    .refine = refine_scalar,
};

#if defined(__x86_64__)
#include <immintrin.h>

/* Lines are fetched so far ahead, into L2; groups follow each other, and
 * beyond the last nothing is fetched. */
enum { AHEAD = 3072 };

static inline int32_t
four_bytes(const int8_t *q)
{
    int32_t bits;

    memcpy(&bits, q, sizeof bits);
    return bits;
}

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vnni")))
#define AVX512_INLINE \
    static inline __attribute__((always_inline, target("avx512f,avx512bw,avx512vnni")))

AVX512_INLINE void
rows_avx512(int32_t *out, const void *const *groups, const int8_t *q, int64_t D, const int R,
            const int N)
{
    const __m512i low = _mm512_set1_epi8(0x0f), top = _mm512_set1_epi8(0x30);
    const int64_t stride = stride_of(D);
    __m512i sums[2][TOGETHER][STEPS];

#pragma GCC unroll 2
    for (int n = 0; n < N; n++)
#pragma GCC unroll 3
        for (int r = 0; r < R; r++)
            for (int s = 0; s < STEPS; s++)
                sums[n][r][s] = _mm512_setzero_si512();
    for (int64_t d = 0, at = 0; d < D; d += AC_SCAN_INT6_ELEMENTS, at += LINES * LINE)
#pragma GCC unroll 2
        for (int n = 0; n < N; n++) {
            const uint8_t *c = (const uint8_t *) groups[n] + at;
            const __m512i a = _mm512_loadu_si512(c), b = _mm512_loadu_si512(c + LINE),
                          t = _mm512_loadu_si512(c + 2 * LINE);
            const __m512i u[STEPS] = {
                (a & low) | (_mm512_slli_epi16(t, 4) & top),
                (_mm512_srli_epi16(a, 4) & low) | (_mm512_slli_epi16(t, 2) & top),
                (b & low) | (t & top),
                (_mm512_srli_epi16(b, 4) & low) | (_mm512_srli_epi16(t, 2) & top),
            };
            const int8_t *x = q + AC_SCAN_INT6_HEAD + d;
#pragma GCC unroll 3
            for (int l = 0; l < LINES; l++)
                _mm_prefetch((const char *) c + l * LINE + AHEAD, _MM_HINT_T1);
#pragma GCC unroll 3
            for (int r = 0; r < R; r++)
#pragma GCC unroll 4
                for (int s = 0; s < STEPS; s++)
                    sums[n][r][s] = _mm512_dpbusd_epi32(
                        sums[n][r][s], u[s],
                        _mm512_set1_epi32(four_bytes(x + r * stride + s * AC_SCAN_STEP)));
        }
#pragma GCC unroll 2
    for (int n = 0; n < N; n++)
#pragma GCC unroll 3
        for (int r = 0; r < R; r++) {
            const __m512i *s = sums[n][r], sum = _mm512_add_epi32(_mm512_add_epi32(s[0], s[1]),
                                                                  _mm512_add_epi32(s[2], s[3]));
            _mm512_storeu_si512(out + (n * AC_SCAN_ROWS + r) * AC_SCAN_GROUP,
                                _mm512_sub_epi32(_mm512_slli_epi32(sum, 3),
                                                 _mm512_set1_epi32(head_of(q + r * stride))));
        }
}

#define NAME(function) function##_avx512
#define TARGET AVX512
#define PAIRED TOGETHER
#include "engine/retrieval/scan_int6_tile_body.h"

AVX512 static void
select_avx512(uint32_t *masks, const int32_t *out, const ac_scan_facts *facts,
              const ac_scan_query *queries, const float *limits, int rows)
{
    const __m512 scales = _mm512_loadu_ps(facts->scales),
                 errors = _mm512_loadu_ps(facts->coarse_errors),
                 norms = _mm512_loadu_ps(facts->coarse_norms);

    for (int r = 0; r < rows; r++) {
        const ac_scan_rounded *q = &queries[r].fine;
        const __m512 x = _mm512_cvtepi32_ps(_mm512_loadu_si512(out + r * AC_SCAN_GROUP)),
                     score = _mm512_mul_ps(_mm512_mul_ps(x, scales),
                                           _mm512_set1_ps(0.5f * q->scale)),
                     radius = _mm512_add_ps(_mm512_mul_ps(_mm512_set1_ps(q->spread), errors),
                                            _mm512_mul_ps(_mm512_set1_ps(q->slack), norms));
        masks[r] = _mm512_cmp_ps_mask(_mm512_add_ps(score, radius), _mm512_set1_ps(limits[r]),
                                      _CMP_NLT_UQ);
    }
}

const ac_scan_kernel ac_scan_int6_avx512vnni = {
    .name = "int6 avx512-vnni",
    .scan = AC_SCAN_INT6,
    .instructions = AC_CPU_AVX512 | AC_CPU_AVX512_VNNI,
    .query_max = QUERY_MAX,
    .query_bytes = sizeof(int8_t),
    .panel = panel_int8,
    .tile = tile_avx512,
    .tile_two = tile_two_avx512,
    .select = select_avx512,
    .refine = refine_avx512,
};

#define AVX2 __attribute__((target("avx2")))
#define AVX2_INLINE static inline __attribute__((always_inline, target("avx2")))
#define AVXVNNI __attribute__((target("avx2,avxvnni")))
#define AVXVNNI_INLINE static inline __attribute__((always_inline, target("avx2,avxvnni")))

/* The numbers of 8 entries, four of each in each of four registers. */
AVX2_INLINE void
expand_half(__m256i *u, const uint8_t *c)
{
    const __m256i low = _mm256_set1_epi8(0x0f), top = _mm256_set1_epi8(0x30),
                  a = _mm256_loadu_si256((const __m256i *) c),
                  b = _mm256_loadu_si256((const __m256i *) (c + LINE)),
                  t = _mm256_loadu_si256((const __m256i *) (c + 2 * LINE));

    u[0] = (a & low) | (_mm256_slli_epi16(t, 4) & top);
    u[1] = (_mm256_srli_epi16(a, 4) & low) | (_mm256_slli_epi16(t, 2) & top);
    u[2] = (b & low) | (t & top);
    u[3] = (_mm256_srli_epi16(b, 4) & low) | (_mm256_srli_epi16(t, 2) & top);
    for (int l = 0; l < LINES; l++)
        _mm_prefetch((const char *) c + l * LINE + AHEAD, _MM_HINT_T1);
}

AVX2_INLINE void
store_half(int32_t *out, __m256i sum, const int8_t *q)
{
    _mm256_storeu_si256((__m256i *) out, _mm256_sub_epi32(_mm256_slli_epi32(sum, 3),
                                                          _mm256_set1_epi32(head_of(q))));
}

/* Adds the products of four numbers of each entry, four times. */
AVX2_INLINE __m256i
add_avx2(__m256i sum, const __m256i *u, const int8_t *x)
{
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i y[STEPS];

#pragma GCC unroll 4
    for (int s = 0; s < STEPS; s++)
        y[s] = _mm256_maddubs_epi16(u[s], _mm256_set1_epi32(four_bytes(x + s * AC_SCAN_STEP)));
    return _mm256_add_epi32(
        sum, _mm256_add_epi32(_mm256_madd_epi16(_mm256_add_epi16(y[0], y[1]), ones),
                              _mm256_madd_epi16(_mm256_add_epi16(y[2], y[3]), ones)));
}

AVXVNNI_INLINE __m256i
add_avxvnni(__m256i sum, const __m256i *u, const int8_t *x)
{
#pragma GCC unroll 4
    for (int s = 0; s < STEPS; s++)
        sum = _mm256_dpbusd_avx_epi32(sum, u[s],
                                      _mm256_set1_epi32(four_bytes(x + s * AC_SCAN_STEP)));
    return sum;
}

#define NAME(function) function##_avx2
#define TARGET AVX2
#define TARGET_INLINE AVX2_INLINE
#include "engine/retrieval/scan_int6_halves_body.h"
#define PAIRED 1
#include "engine/retrieval/scan_int6_tile_body.h"

#define NAME(function) function##_avxvnni
#define TARGET AVXVNNI
#define TARGET_INLINE AVXVNNI_INLINE
#include "engine/retrieval/scan_int6_halves_body.h"
#define PAIRED 1
#include "engine/retrieval/scan_int6_tile_body.h"

AVX2 static void
select_avx2(uint32_t *masks, const int32_t *out, const ac_scan_facts *facts,
            const ac_scan_query *queries, const float *limits, int rows)
{
    for (int r = 0; r < rows; r++) {
        const ac_scan_rounded *q = &queries[r].fine;
        const __m256 half = _mm256_set1_ps(0.5f * q->scale), A = _mm256_set1_ps(q->spread),
                     B = _mm256_set1_ps(q->slack);
        masks[r] = 0;
        for (int h = 0; h < AC_SCAN_GROUP; h += 8) {
            const __m256 x = _mm256_cvtepi32_ps(_mm256_loadu_si256(
                             (const __m256i *) (out + r * AC_SCAN_GROUP + h))),
                         score = _mm256_mul_ps(
                             _mm256_mul_ps(x, _mm256_loadu_ps(facts->scales + h)), half),
                         radius = _mm256_add_ps(
                             _mm256_mul_ps(A, _mm256_loadu_ps(facts->coarse_errors + h)),
                             _mm256_mul_ps(B, _mm256_loadu_ps(facts->coarse_norms + h))),
                         keep = _mm256_cmp_ps(_mm256_add_ps(score, radius),
                                              _mm256_set1_ps(limits[r]), _CMP_NLT_UQ);
            masks[r] |= (uint32_t) _mm256_movemask_ps(keep) << h;
        }
    }
}

const ac_scan_kernel ac_scan_int6_avx2 = {
    .name = "int6 avx2",
    .scan = AC_SCAN_INT6,
    .instructions = AC_CPU_AVX2,
    .query_max = QUERY_MAX,
    .query_bytes = sizeof(int8_t),
    .panel = panel_int8,
    .tile = tile_avx2,
    .tile_two = tile_two_avx2,
    .select = select_avx2,
    .refine = refine_avx2,
};

const ac_scan_kernel ac_scan_int6_avxvnni = {
    .name = "int6 avx-vnni",
    .scan = AC_SCAN_INT6,
    .instructions = AC_CPU_AVX2 | AC_CPU_AVX_VNNI,
    .query_max = QUERY_MAX,
    .query_bytes = sizeof(int8_t),
    .panel = panel_int8,
    .tile = tile_avxvnni,
    .tile_two = tile_two_avxvnni,
    .select = select_avx2,
    .refine = refine_avxvnni,
};
#endif
