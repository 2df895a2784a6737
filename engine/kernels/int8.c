/* The parts of int8 products that every kernel set shares: layout, packing, the definition. */
#include "engine/kernels/int8.h"

#include <math.h>
#include <string.h>

enum { PANEL = AC_INT8_PANEL, WIDTH = AC_INT8_WIDTH, DEPTH = AC_INT8_DEPTH, QUAD = 4 };

int64_t
ac_int8_depth(int64_t K)
{
    return (K + DEPTH - 1) / DEPTH * DEPTH;
}

size_t
ac_int8_row_bytes(int64_t K)
{
    return (size_t) (ac_int8_depth(K) + DEPTH) * sizeof(int16_t);
}

int64_t
ac_int8_columns(int64_t columns)
{
    return (columns + WIDTH - 1) / WIDTH * WIDTH;
}

size_t
ac_int8_packed_bytes(int64_t columns, int64_t K)
{
    return (size_t) ac_int8_columns(columns) *
           ((size_t) ac_int8_depth(K) + sizeof(float) + sizeof(int32_t));
}

ac_int8_matrix
ac_int8_view(const void *packed, int64_t columns, int64_t K, int64_t first)
{
    const int64_t all = ac_int8_columns(columns), depth = ac_int8_depth(K);
    const int8_t *weights = packed;
    const float *scales = (const float *) (const void *) (weights + all * depth);
    const int32_t *sums = (const int32_t *) (const void *) (scales + all);

    return (ac_int8_matrix){ weights + first * depth, scales + first, sums + first, depth };
}

/* The scale of n numbers; NaN if one of them is not finite. */
static float
scale_of(const float *w, int64_t n)
{
    float most = 0;

    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(w[i]))
            return NAN;
        most = fabsf(w[i]) > most ? fabsf(w[i]) : most;
    }
    return (float) ((double) most / 127);
}

/* To the nearest, ties to even. Where the scale has few digits, being denormal, the largest
 * number could exceed 127. */
static int
round_weight(float w, float scale)
{
    const double q = scale > 0 ? nearbyint((double) w / (double) scale) : 0;

    return q > 127 ? 127 : q < -127 ? -127 : (int) q;
}

void
ac_int8_pack(void *packed, int64_t columns, int64_t K, const float *weight, int64_t stride,
             int64_t first, int64_t n)
{
    const int64_t filled = ac_int8_columns(n), all = ac_int8_columns(columns),
                  depth = ac_int8_depth(K);
    int8_t *weights = packed;
    float *scales = (float *) (void *) (weights + all * depth) + first;
    int32_t *sums = (int32_t *) (void *) (scales - first + all) + first;

    weights += first * depth;
    memset(weights, 0, (size_t) (filled * depth));
    for (int64_t c = 0; c < filled; c++) {
        const float *w = weight + c * stride;
        int8_t *to = weights + c / PANEL * PANEL * depth + c % PANEL * QUAD;
        int32_t sum = 0;
        scales[c] = c < n ? scale_of(w, K) : 0;
        for (int64_t k = 0; k < K && scales[c] > 0; k++) {
            const int q = round_weight(w[k], scales[c]);
            to[k / QUAD * PANEL * QUAD + k % QUAD] = (int8_t) q;
            sum += q;
        }
        sums[c] = sum;
    }
}

/* ---- the definition ---- */

/* The step and zero of a row, as vectors find them (int8_body.h). */
static float
step_of(const float *x, int64_t K, int32_t *zero)
{
    const float magic = 12582912.0f;
    float low = 0, high = 0, step;

    *zero = 0;
    for (int64_t k = 0; k < K; k++) {
        if (!isfinite(x[k]))
            return NAN;
        low = x[k] < low ? x[k] : low;
        high = x[k] > high ? x[k] : high;
    }
    step = high / 255 - low / 255;
    if (!(step >= 0x1p-100f))
        return 0;
    *zero = (int32_t) (magic - low * (1 / step) - magic);
    return step;
}

static int32_t
round_number(float x, float step, int32_t zero)
{
    const int32_t q = step > 0 ? (int32_t) nearbyintf(x * (1 / step)) + zero : 0;

    return q < 0 ? 0 : q > 255 ? 255 : q;
}

void
ac_int8_ref(float *y, const float *x, const float *weight, const float *bias,
            const float *residual, int64_t M, int64_t N, int64_t K)
{
    for (int64_t m = 0; m < M; m++) {
        int32_t zero;
        const float step = step_of(x + m * K, K, &zero);
        for (int64_t n = 0; n < N; n++) {
            const float scale = scale_of(weight + n * K, K);
            int32_t sum = 0, all = 0;
            for (int64_t k = 0; k < K; k++) {
                const int w = round_weight(weight[n * K + k], scale);
                sum += round_number(x[m * K + k], step, zero) * w;
                all += w;
            }
            y[m * N + n] = fmaf(fmaf((float) all, (float) -zero, (float) sum), step * scale,
                                bias ? bias[n] : 0);
            if (residual)
                y[m * N + n] += residual[m * N + n];
        }
    }
}
