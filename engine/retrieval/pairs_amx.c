#include "engine/retrieval/pairs_amx.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>

#define AMX __attribute__((target("amx-tile,amx-int8,avx512f")))

bool
ac_amx_fits(int64_t D)
{
    return D % AC_AMX_STEP == 0 && ac_kernels_include(AC_CPU_AVX512 | AC_CPU_AMX_INT8);
}

void
ac_amx_panel(int8_t *panel, const ac_scan_query *queries, int rows, int64_t D)
{
    for (int64_t from = 0; from < D; from += AC_AMX_STEP)
        for (int r = 0; r < AC_AMX_ROWS; r++)
            for (int64_t d = from; d < from + AC_AMX_STEP; d++)
                *panel++ = r < rows ? (int8_t) queries[r].fine.integers[d] : 0;
}

/* Of ldtilecfg: eight tiles of 16 rows of 64 bytes. */
typedef struct tile_shapes {
    uint8_t palette, start, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
} tile_shapes;

/* In memory for certain: gcc's intrinsic tells of its first eight bytes alone. */
static const tile_shapes shapes = { .palette = 1,
                                    .bytes = { 64, 64, 64, 64, 64, 64, 64, 64 },
                                    .rows = { 16, 16, 16, 16, 16, 16, 16, 16 } };

AMX void
ac_amx_begin(void)
{
    _tile_loadconfig(&shapes);
}

AMX void
ac_amx_end(void)
{
    _tile_release();
}

/* Tiles 0 to 3: sums; 4, 5: queries; 6, 7: entries. */
AMX void
ac_amx_tile(int32_t *out, const int8_t *panel, const void *a, const void *b, int64_t D)
{
    const int8_t *x = a, *y = b;

    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int64_t d = 0; d < D; d += AC_AMX_STEP) {
        _tile_loadd(6, x + d * 16, 64);
        _tile_loadd(4, panel + d * AC_AMX_ROWS, 64);
        _tile_dpbssd(0, 4, 6);
        _tile_loadd(7, y + d * 16, 64);
        _tile_dpbssd(1, 4, 7);
        _tile_loadd(5, panel + d * AC_AMX_ROWS + 16 * 64, 64);
        _tile_dpbssd(2, 5, 6);
        _tile_dpbssd(3, 5, 7);
    }
    _tile_stored(0, out, 128);
    _tile_stored(1, out + 16, 128);
    _tile_stored(2, out + 16 * 32, 128);
    _tile_stored(3, out + 16 * 32 + 16, 128);
}

AMX void
ac_amx_select(uint32_t *masks, const int32_t *out, const ac_scan_facts *facts,
              const ac_scan_query *queries, const float *limits, int rows)
{
    for (int r = 0; r < rows; r++) {
        const ac_scan_rounded *q = &queries[r].fine;
        const __m512 A = _mm512_set1_ps(q->spread), B = _mm512_set1_ps(q->slack),
                     s = _mm512_set1_ps(q->scale), limit = _mm512_set1_ps(limits[r]);
        uint32_t mask = 0;
        for (int h = 0; h < 32; h += 16) {
            const __m512 x = _mm512_cvtepi32_ps(_mm512_loadu_si512(out + r * 32 + h)),
                         score = _mm512_mul_ps(
                             _mm512_mul_ps(x, _mm512_loadu_ps(facts->scales + h)), s),
                         radius =
                             _mm512_add_ps(_mm512_mul_ps(A, _mm512_loadu_ps(facts->errors + h)),
                                           _mm512_mul_ps(B, _mm512_loadu_ps(facts->norms + h)));
            mask |=
                (uint32_t) _mm512_cmp_ps_mask(_mm512_add_ps(score, radius), limit, _CMP_NLT_UQ)
                << h;
        }
        masks[r] = mask;
    }
}
#else
bool
ac_amx_fits(int64_t D)
{
    (void) D;
    return false;
}

/* Not called. */
void
ac_amx_panel(int8_t *panel, const ac_scan_query *queries, int rows, int64_t D)
{
    (void) panel, (void) queries, (void) rows, (void) D;
}

void
ac_amx_begin(void)
{
}

void
ac_amx_end(void)
{
}

void
ac_amx_tile(int32_t *out, const int8_t *panel, const void *a, const void *b, int64_t D)
{
    (void) out, (void) panel, (void) a, (void) b, (void) D;
}

void
ac_amx_select(uint32_t *masks, const int32_t *out, const ac_scan_facts *facts,
              const ac_scan_query *queries, const float *limits, int rows)
{
    (void) masks, (void) out, (void) facts, (void) queries, (void) limits, (void) rows;
}
#endif
