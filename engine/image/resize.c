#include "engine/image/resize.h"

#include <math.h>
#include <stdlib.h>

#include "engine/base/memory.h"
#include "engine/kernels/per_set.h"

enum { PRECISION = 22 };

/* Keys' cubic with a = -0.5. */
static double
bicubic(double x)
{
    const double a = -0.5;

    x = fabs(x);
    if (x < 1.0)
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    if (x < 2.0)
        return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}

/* The triangle: bilinear. */
static double
triangle(double x)
{
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0;
}

static double
box(double x)
{
    return x > -0.5 && x <= 0.5 ? 1.0 : 0;
}

static double
hamming(double x)
{
    x = fabs(x);
    if (x == 0.0)
        return 1.0;
    if (x >= 1.0)
        return 0;
    x *= M_PI;
    return sin(x) / x * (0.54 + 0.46 * cos(x));
}

static double
sinc(double x)
{
    if (x == 0.0)
        return 1.0;
    x *= M_PI;
    return sin(x) / x;
}

static double
lanczos(double x)
{
    return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3) : 0;
}

/* w = 2048 high + low with low in [-1024, 1023]; four by four, zeros behind the last. */
static void
split_weights(int16_t *pairs, const int32_t *w, int64_t n)
{
    for (int64_t k = 0; k < (n + 3) / 4 * 4; k++) {
        const int32_t whole = k < n ? w[k] : 0, low = ((whole + 1024) & 2047) - 1024;
        int16_t *four = pairs + k / 4 * 8 + k % 4;
        four[0] = (int16_t) low;
        four[4] = (int16_t) ((whole - low) / 2048);
    }
}

/* reach: where the filter ends, before it is widened to the scale of a shrinking. */
static ac_status
make_taps(ac_taps *self, double (*filter)(double), double reach, int64_t in, int64_t out,
          int64_t first, int64_t count)
{
    const double scale = (double) in / (double) out, f = scale < 1 ? 1 : scale,
                 support = reach * f, inverse = 1 / f;
    ac_status st = AC_OK;

    self->count = count;
    self->most = (int64_t) ceil(support) * 2 + 1;
    AC_TRY(ac_grow(&self->start, &self->start_capacity, count, sizeof *self->start));
    AC_TRY(ac_grow(&self->length, &self->length_capacity, count, sizeof *self->length));
    AC_TRY(
        ac_grow(&self->exact, &self->exact_capacity, count * self->most, sizeof *self->exact));
    AC_TRY(ac_grow(&self->weights, &self->weight_capacity, count * self->most,
                   sizeof *self->weights));
    AC_TRY(ac_grow(&self->pairs, &self->pair_capacity, count * ((self->most + 3) / 4) * 8,
                   sizeof *self->pairs));
    for (int64_t i = 0; i < count; i++) {
        double *w = self->exact + i * self->most;
        const double centre = ((double) (first + i) + 0.5) * scale;
        int64_t low = (int64_t) (centre - support + 0.5),
                high = (int64_t) (centre + support + 0.5), n;
        double sum = 0;
        low = low < 0 ? 0 : low;
        high = high > in ? in : high;
        n = high - low;
        for (int64_t k = 0; k < n; k++) {
            w[k] = filter(((double) (k + low) - centre + 0.5) * inverse);
            sum += w[k];
        }
        for (int64_t k = 0; k < n; k++) {
            double v;
            w[k] = sum != 0 ? w[k] / sum : w[k];
            v = w[k] * (double) (1 << PRECISION);
            self->weights[i * self->most + k] = (int32_t) (v < 0 ? v - 0.5 : v + 0.5);
        }
        self->start[i] = low;
        self->length[i] = n;
        split_weights(self->pairs + i * ((self->most + 3) / 4) * 8,
                      self->weights + i * self->most, n);
    }
out:
    return st;
}

ac_status
ac_taps_bicubic(ac_taps *self, int64_t in, int64_t out, int64_t first, int64_t count)
{
    return make_taps(self, bicubic, 2, in, out, first, count);
}

ac_status
ac_taps_bilinear(ac_taps *self, int64_t in, int64_t out, int64_t first, int64_t count)
{
    return make_taps(self, triangle, 1, in, out, first, count);
}

ac_status
ac_taps_filtered(ac_taps *self, ac_resample filter, int64_t in, int64_t out, int64_t first,
                 int64_t count)
{
    switch (filter) {
    case AC_RESAMPLE_LANCZOS: return make_taps(self, lanczos, 3, in, out, first, count);
    case AC_RESAMPLE_BILINEAR: return ac_taps_bilinear(self, in, out, first, count);
    case AC_RESAMPLE_BOX: return make_taps(self, box, 0.5, in, out, first, count);
    case AC_RESAMPLE_HAMMING: return make_taps(self, hamming, 1, in, out, first, count);
    case AC_RESAMPLE_NEAREST:
    case AC_RESAMPLE_BICUBIC: break;
    }
    return ac_taps_bicubic(self, in, out, first, count);
}

void
ac_taps_free(ac_taps *self)
{
    free(self->start);
    free(self->length);
    free(self->exact);
    free(self->weights);
    free(self->pairs);
    *self = (ac_taps){ 0 };
}

static inline uint8_t
clip8(int32_t v)
{
    v >>= PRECISION;
    return (uint8_t) (v < 0 ? 0 : v > 255 ? 255 : v);
}

#define HORIZONTAL(C)                                \
    for (int64_t i = 0; i < t->count; i++) {         \
        const uint8_t *p = x + t->start[i] * (C);    \
        const int32_t *w = t->weights + i * t->most; \
        int32_t sum[C];                              \
        for (int c = 0; c < (C); c++)                \
            sum[c] = 1 << (PRECISION - 1);           \
        for (int64_t k = 0; k < t->length[i]; k++)   \
            for (int c = 0; c < (C); c++)            \
                sum[c] += p[k * (C) + c] * w[k];     \
        for (int c = 0; c < (C); c++)                \
            y[i * (C) + c] = clip8(sum[c]);          \
    }

AC_PER_SET_BODY void
horizontal_row_body(uint8_t *y, const uint8_t *x, int C, const ac_taps *t)
{
    if (C == 3) {
        HORIZONTAL(3)
    } else if (C == 4) {
        HORIZONTAL(4)
    } else if (C == 2) {
        HORIZONTAL(2)
    } else {
        HORIZONTAL(1)
    }
}

AC_PER_SET(horizontal_row, (uint8_t * y, const uint8_t *x, int C, const ac_taps *t),
           (y, x, C, t))

void
ac_resize_horizontal(uint8_t *y, const uint8_t *x, int64_t rows, int64_t width, int C,
                     const ac_taps *t)
{
    int64_t r = 0;

#if defined(__x86_64__)
    if (C == 3 && ac_kernels_include(AC_CPU_AVX2))
        r = ac_resize_horizontal_rgb_avx2(y, x, rows, width, t);
#endif
    for (; r < rows; r++)
        horizontal_row(y + r * t->count * C, x + r * width * C, C, t);
}

enum { STRIP = 1024 };

AC_PER_SET_BODY void
vertical_strip_body(uint8_t *y, const uint8_t *x, int64_t stride, int64_t n, const int32_t *w,
                    int64_t taps)
{
    int32_t sum[STRIP];

    for (int64_t i = 0; i < n; i++)
        sum[i] = 1 << (PRECISION - 1);
    for (int64_t k = 0; k < taps; k++)
        for (int64_t i = 0; i < n; i++)
            sum[i] += x[k * stride + i] * w[k];
    for (int64_t i = 0; i < n; i++)
        y[i] = clip8(sum[i]);
}

AC_PER_SET(vertical_strip,
           (uint8_t * y, const uint8_t *x, int64_t stride, int64_t n, const int32_t *w,
            int64_t taps),
           (y, x, stride, n, w, taps))

void
ac_resize_vertical(uint8_t *y, const uint8_t *x, int64_t n, const ac_taps *t)
{
    for (int64_t r = 0; r < t->count; r++)
        for (int64_t i = 0; i < n; i += STRIP)
            vertical_strip(y + r * n + i, x + t->start[r] * n + i, n,
                           n - i < STRIP ? n - i : STRIP, t->weights + r * t->most,
                           t->length[r]);
}

ac_status
ac_resize_both(uint8_t *y, const uint8_t *x, int64_t rows, int64_t width, int C,
               const ac_taps *across, const ac_taps *down, uint8_t **between, int64_t *capacity)
{
    ac_status st = AC_OK;

#if defined(__x86_64__)
    if (C == 3 && ac_kernels_include(AC_CPU_AVX512 | AC_CPU_AVX512_VNNI)) {
        AC_TRY(ac_grow(between, capacity,
                       ac_resize_rgb_scratch_bytes(rows, width, across, down), 1));
        if (ac_resize_rgb_avx512_vnni(y, x, rows, width, across, down, *between))
            return AC_OK;
    }
#endif
    AC_TRY(ac_grow(between, capacity, rows * across->count * C, 1));
    ac_resize_horizontal(*between, x, rows, width, C, across);
    ac_resize_vertical(y, *between, across->count * C, down);
out:
    return st;
}
