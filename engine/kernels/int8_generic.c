/* int8 products on any CPU. */
#include "engine/kernels/int8.h"
#include "engine/kernels/simd_generic_fma.h"

typedef int16_t number;

enum { LANES = 4, ROWS = 4 };

static inline vec
smaller(vec a, vec b)
{
    for (int i = 0; i < LANES; i++)
        b[i] = a[i] < b[i] ? a[i] : b[i];
    return b;
}

static inline vec
larger(vec a, vec b)
{
    for (int i = 0; i < LANES; i++)
        b[i] = a[i] > b[i] ? a[i] : b[i];
    return b;
}

static inline ivec
larger_bits(ivec a, ivec b)
{
    for (int i = 0; i < LANES; i++)
        b[i] = a[i] > b[i] ? a[i] : b[i];
    return b;
}

#include "engine/kernels/int8_lane_loops_body.h"

static inline void
store_rounded(number *p, vec x, ivec zero)
{
    const float magic = 12582912.0f; /* 1.5 2^23: adding it rounds to a whole number */
    const ivec q = __builtin_convertvector(x + magic - magic, ivec) + zero;

    for (int i = 0; i < LANES; i++)
        p[i] = (number) (q[i] < 0 ? 0 : q[i] > 255 ? 255 : q[i]);
}

static void
dots(int32_t *sums, const number *q, int64_t stride, const int8_t *b, int64_t depth, int R)
{
    enum { PANEL = AC_INT8_PANEL, PANELS = AC_INT8_WIDTH / PANEL };

    for (int p = 0; p < PANELS; p++, b += PANEL * depth)
        for (int r = 0; r < R; r++) {
            const number *x = q + r * stride;
            int32_t s[PANEL] = { 0 };
            for (int64_t k = 0; k < depth; k += 4)
                for (int c = 0; c < PANEL; c++) {
                    const int8_t *w = b + k * PANEL + 4 * c;
                    s[c] += x[k] * w[0] + x[k + 1] * w[1] + x[k + 2] * w[2] + x[k + 3] * w[3];
                }
            for (int c = 0; c < PANEL; c++)
                sums[(r * PANELS + p) * PANEL + c] = s[c];
        }
}

#include "engine/kernels/int8_body.h"

const ac_int8 ac_int8_generic = AC_INT8_TABLE;
