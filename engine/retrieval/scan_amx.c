#include "engine/retrieval/scan_amx.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>

#define AMX __attribute__((target("amx-tile,amx-int8,avx512f")))

bool
ac_amx_fits(const ac_scan_kernel *kernel, int64_t n, int64_t D)
{
    return kernel->scan == AC_SCAN_INT8 && kernel->query_max == 127 && n > AC_SCAN_GROUP &&
           D % AC_AMX_STEP == 0 && ac_kernels_include(AC_CPU_AVX512 | AC_CPU_AMX_INT8);
}

void
ac_amx_panels(int8_t *panels, const ac_scan_query *queries, int64_t rows, int64_t D)
{
    for (int64_t at = 0; at < rows; at += AC_AMX_ROWS)
        for (int64_t from = 0; from < D; from += AC_AMX_STEP)
            for (int64_t r = at; r < at + AC_AMX_ROWS; r++)
                for (int64_t d = from; d < from + AC_AMX_STEP; d++)
                    *panels++ = r < rows ? (int8_t) queries[r].fine.integers[d] : 0;
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

/* out [32, 32]: of a panel and the groups a and b. Tiles 0 to 3: sums; 4, 5: queries; 6, 7:
 * entries. */
AMX static void
multiply(int32_t *out, const int8_t *panel, const void *a, const void *b, int64_t D)
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

/* masks [32]: bit j: entry j of the two groups may reach limits[r] with query r. facts: of
 * group a; group b follows. */
AMX static void
select_masks(uint32_t *masks, const int32_t *out, const ac_scan_facts *facts,
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

/* Two groups at a time; a last one alone stands as the second beside the one before it, whose
 * half is not looked at. */
AMX void
ac_amx_scan_groups(const ac_amx_scan *self, int64_t from, int64_t to, int32_t *out)
{
    const ac_topk_index *x = self->index;
    const ac_scan_facts all = ac_scan_facts_of(x);
    const int64_t bytes = ac_scan_group_bytes(AC_SCAN_INT8, x->D);
    uint32_t masks[AC_AMX_ROWS];

    _tile_loadconfig(&shapes);
    for (int64_t at = 0; at < self->rows; at += AC_AMX_ROWS) {
        const int rows = self->rows - at < AC_AMX_ROWS ? (int) (self->rows - at) : AC_AMX_ROWS;
        for (int64_t g = from; g < to; g += 2) {
            const bool alone = g + 1 == to;
            const int64_t one = alone && g ? g - 1 : g;
            const int skip = one < g ? AC_SCAN_GROUP : 0;
            const ac_scan_facts facts = ac_scan_facts_at(&all, one * AC_SCAN_GROUP);
            multiply(out, self->panels + at * x->D, x->packed + one * bytes,
                     x->packed + (one + 1) * bytes, x->D);
            select_masks(masks, out, &facts, self->queries + at, self->limits + at, rows);
            for (int r = 0; r < rows; r++) {
                const uint32_t mask = masks[r] >> skip & (alone ? 0xffff : UINT32_MAX);
                if (mask)
                    self->take(self->context, at + r, g * AC_SCAN_GROUP, mask,
                               out + r * AC_AMX_COLUMNS + skip);
            }
        }
    }
    _tile_release();
}
#else
bool
ac_amx_fits(const ac_scan_kernel *kernel, int64_t n, int64_t D)
{
    (void) kernel, (void) n, (void) D;
    return false;
}

/* Not called. */
void
ac_amx_panels(int8_t *panels, const ac_scan_query *queries, int64_t rows, int64_t D)
{
    (void) panels, (void) queries, (void) rows, (void) D;
}

void
ac_amx_scan_groups(const ac_amx_scan *self, int64_t from, int64_t to, int32_t *out)
{
    (void) self, (void) from, (void) to, (void) out;
}
#endif
