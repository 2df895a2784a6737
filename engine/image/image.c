#include "engine/image/image.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

void
ac_image_free(ac_image *self)
{
    free(self->pixels);
    *self = (ac_image){ 0 };
}

/* Where pixel (x, y) of the turned image comes from, in one of width W and height H. */
static int64_t
source_of(int orientation, int64_t x, int64_t y, int64_t W, int64_t H)
{
    const bool swapped = orientation >= 5;
    int64_t sx = swapped ? y : x, sy = swapped ? x : y;

    if (orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8)
        sx = W - 1 - sx;
    if (orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7)
        sy = H - 1 - sy;
    return sy * W + sx;
}

ac_status
ac_image_orient(ac_image *self)
{
    const int64_t W = self->width, H = self->height;
    const bool swapped = self->orientation >= 5;
    const int64_t width = swapped ? H : W, height = swapped ? W : H;
    const size_t bytes = (size_t) ac_image_pixel_bytes(self->mode);
    uint8_t *turned;
    ac_status st;

    if (self->orientation <= 1 || self->orientation > 8)
        return AC_OK;
    st = ac_alloc(&turned, W * H, bytes);
    if (st != AC_OK)
        return st;
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++)
            memcpy(turned + (size_t) (y * width + x) * bytes,
                   self->pixels + (size_t) source_of(self->orientation, x, y, W, H) * bytes,
                   bytes);
    free(self->pixels);
    self->pixels = turned;
    self->width = width;
    self->height = height;
    self->orientation = 1;
    return AC_OK;
}

int
ac_image_channels(ac_image_mode mode)
{
    static const int channels[] = { 1, 1, 2, 1, 3, 4, 3, 4, 1, 1, 1, 1 };
    return channels[mode];
}

int
ac_image_pixel_bytes(ac_image_mode mode)
{
    static const int bytes[] = { 1, 1, 2, 1, 3, 4, 3, 4, 2, 2, 4, 4 };
    return bytes[mode];
}

bool
ac_image_mode_is_wide(ac_image_mode mode)
{
    return mode == AC_MODE_I16 || mode == AC_MODE_I16B || mode == AC_MODE_I ||
           mode == AC_MODE_F;
}

const char *
ac_image_mode_name(ac_image_mode mode)
{
    static const char *const names[] = { "1",     "L",    "LA",   "P",     "RGB", "RGBA",
                                         "YCbCr", "CMYK", "I;16", "I;16B", "I",   "F" };
    return names[mode];
}

/* a b / 255, rounded, as Pillow's MULDIV255. */
static uint8_t
muldiv255(int a, int b)
{
    int t = a * b + 128;
    return (uint8_t) (((t >> 8) + t) >> 8);
}

/* A factor of a colour difference, in fixed point of 6 bits. */
static int
part(double factor, int difference)
{
    return (int) (factor * 64 * difference + 0.5);
}

void
ac_image_ycbcr_to_rgb(uint8_t rgb[3], const uint8_t ycc[3])
{
    const int y = ycc[0], cb = ycc[1] - 128, cr = ycc[2] - 128;
    const int v[3] = { y + (part(1.402, cr) >> 6),
                       y + ((part(-0.34414, cb) + part(-0.71414, cr)) >> 6),
                       y + (part(1.772, cb) >> 6) };

    for (int c = 0; c < 3; c++)
        rgb[c] = (uint8_t) (v[c] < 0 ? 0 : v[c] > 255 ? 255 : v[c]);
}

void
ac_image_divide_by_alpha(uint8_t *x, int64_t n, int C)
{
    for (int64_t i = 0; i < n; i++, x += C) {
        const int alpha = x[C - 1];
        for (int c = 0; alpha != 0 && alpha != 255 && c < C - 1; c++) {
            const int v = 255 * x[c] / alpha;
            x[c] = (uint8_t) (v > 255 ? 255 : v);
        }
    }
}

/* The grey of a wide pixel, clipped to a byte. A float is cut, not rounded; NaN is black. */
static uint8_t
grey_of_wide(const uint8_t *x, ac_image_mode mode)
{
    uint16_t word;
    int32_t whole;
    float real;

    switch (mode) {
    case AC_MODE_I16: memcpy(&word, x, sizeof word); return (uint8_t) (word > 255 ? 255 : word);
    case AC_MODE_I16B: return x[0] ? 255 : x[1];
    case AC_MODE_I:
        memcpy(&whole, x, sizeof whole);
        return (uint8_t) (whole < 0 ? 0 : whole > 255 ? 255 : whole);
    default:
        memcpy(&real, x, sizeof real);
        return (uint8_t) (real >= 255 ? 255 : real > 0 ? (int) real : 0);
    }
}

void
ac_image_to_rgb(uint8_t *rgb, const void *from, int64_t n, ac_image_mode mode,
                const uint8_t palette[256][3])
{
    const uint8_t *x = from;

    if (mode == AC_MODE_RGB) {
        memcpy(rgb, x, (size_t) n * 3);
        return;
    }
    for (int64_t i = 0; i < n; i++, rgb += 3) {
        switch (mode) {
        case AC_MODE_1:
        case AC_MODE_L: rgb[0] = rgb[1] = rgb[2] = x[i]; break;
        case AC_MODE_LA: rgb[0] = rgb[1] = rgb[2] = x[2 * i]; break;
        case AC_MODE_P: memcpy(rgb, palette[x[i]], 3); break;
        case AC_MODE_RGBA: memcpy(rgb, x + 4 * i, 3); break;
        case AC_MODE_YCBCR: ac_image_ycbcr_to_rgb(rgb, x + 3 * i); break;
        case AC_MODE_CMYK:
            for (int c = 0; c < 3; c++) {
                int v = 255 - x[4 * i + 3];
                v -= muldiv255(x[4 * i + c], v);
                rgb[c] = (uint8_t) (v < 0 ? 0 : v);
            }
            break;
        case AC_MODE_I16:
        case AC_MODE_I16B:
        case AC_MODE_I:
        case AC_MODE_F:
            rgb[0] = rgb[1] = rgb[2] = grey_of_wide(x + i * ac_image_pixel_bytes(mode), mode);
            break;
        case AC_MODE_RGB: break;
        }
    }
}
