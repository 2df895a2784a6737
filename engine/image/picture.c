#include "engine/image/picture.h"

#include <stdlib.h>
#include <string.h>

void
ac_picture_free(ac_picture *self)
{
    free(self->pixels);
    *self = (ac_picture) { 0 };
}

int
ac_picture_channels(ac_picture_mode mode)
{
    static const int channels[] = { 1, 1, 2, 1, 3, 4, 4, 1 };
    return channels[mode];
}

int
ac_picture_pixel_bytes(ac_picture_mode mode)
{
    return mode == AC_MODE_I16 ? 2 : ac_picture_channels(mode);
}

const char *
ac_picture_mode_name(ac_picture_mode mode)
{
    static const char *const names[] = { "1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16" };
    return names[mode];
}

/* a b / 255, rounded, as Pillow's MULDIV255. */
static uint8_t
muldiv255(int a, int b)
{
    int t = a * b + 128;
    return (uint8_t) (((t >> 8) + t) >> 8);
}

void
ac_picture_to_rgb(uint8_t *rgb, const void *from, int64_t n, ac_picture_mode mode, const uint8_t palette[256][3])
{
    const uint8_t *x = from;

    if (mode == AC_MODE_RGB) {
        memcpy(rgb, x, (size_t) n * 3);
        return;
    }
    for (int64_t i = 0; i < n; i++, rgb += 3) {
        uint16_t wide;
        switch (mode) {
        case AC_MODE_1:
        case AC_MODE_L: rgb[0] = rgb[1] = rgb[2] = x[i]; break;
        case AC_MODE_LA: rgb[0] = rgb[1] = rgb[2] = x[2 * i]; break;
        case AC_MODE_P: memcpy(rgb, palette[x[i]], 3); break;
        case AC_MODE_RGBA: memcpy(rgb, x + 4 * i, 3); break;
        case AC_MODE_CMYK:
            for (int c = 0; c < 3; c++) {
                int v = 255 - x[4 * i + 3];
                v -= muldiv255(x[4 * i + c], v);
                rgb[c] = (uint8_t) (v < 0 ? 0 : v);
            }
            break;
        case AC_MODE_I16:
            memcpy(&wide, x + 2 * i, 2);
            rgb[0] = rgb[1] = rgb[2] = (uint8_t) (wide > 255 ? 255 : wide);
            break;
        case AC_MODE_RGB: break;
        }
    }
}
