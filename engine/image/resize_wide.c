/* The passes over samples of more than 8 bits. Pillow resizes these in double precision, so a
 * sum is added up in the order of the taps, from 0, without fused multiply-adds (the build's
 * -ffp-contract=off). */
#include <string.h>

#include "engine/image/resize.h"

enum { STRIP = 256 };

/* The sample of two bytes, low first whatever the machine. */
static inline uint16_t
low_first(const uint8_t *x)
{
    return (uint16_t) (x[0] | x[1] << 8);
}

/* Half away from 0, clipped to 16 bits. Not NaN: samples are integers. */
static inline uint16_t
to_word(double v)
{
    return (uint16_t) (v <= 0 ? 0 : v >= 65535 ? 65535 : v + 0.5);
}

/* Half away from 0. Pillow does not clip: what does not fit becomes what x86 makes of it. */
static inline int32_t
to_whole(double v)
{
    v = v < 0 ? v - 0.5 : v + 0.5;
    return v > -2147483649.0 && v < 2147483648.0 ? (int32_t) v : INT32_MIN;
}

static inline double
load(const void *x, int64_t i, ac_image_mode mode)
{
    switch (mode) {
    case AC_MODE_I16: return ((const uint16_t *) x)[i];
    case AC_MODE_I16B: return low_first((const uint8_t *) x + 2 * i);
    case AC_MODE_I: return ((const int32_t *) x)[i];
    default: return (double) ((const float *) x)[i];
    }
}

static inline void
store(void *y, int64_t i, double v, ac_image_mode mode)
{
    uint16_t word;

    switch (mode) {
    case AC_MODE_I16: ((uint16_t *) y)[i] = to_word(v); break;
    case AC_MODE_I16B:
        word = to_word(v);
        ((uint8_t *) y)[2 * i] = (uint8_t) word;
        ((uint8_t *) y)[2 * i + 1] = (uint8_t) (word >> 8);
        break;
    case AC_MODE_I: ((int32_t *) y)[i] = to_whole(v); break;
    default: ((float *) y)[i] = (float) v; break;
    }
}

void
ac_resize_horizontal_wide(void *y, const void *x, int64_t rows, int64_t width, const ac_taps *t,
                          ac_image_mode mode)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < t->count; i++) {
            const double *w = t->exact + i * t->most;
            double sum = 0;
            for (int64_t k = 0; k < t->length[i]; k++)
                sum += load(x, r * width + t->start[i] + k, mode) * w[k];
            store(y, r * t->count + i, sum, mode);
        }
}

void
ac_resize_vertical_wide(void *y, const void *x, int64_t n, const ac_taps *t, ac_image_mode mode)
{
    double sum[STRIP];

    for (int64_t r = 0; r < t->count; r++)
        for (int64_t at = 0; at < n; at += STRIP) {
            const int64_t columns = n - at < STRIP ? n - at : STRIP;
            memset(sum, 0, sizeof sum);
            for (int64_t k = 0; k < t->length[r]; k++)
                for (int64_t i = 0; i < columns; i++)
                    sum[i] += load(x, (t->start[r] + k) * n + at + i, mode) *
                              t->exact[r * t->most + k];
            for (int64_t i = 0; i < columns; i++)
                store(y, r * n + at + i, sum[i], mode);
        }
}
