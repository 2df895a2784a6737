/* BMP by hand: 32, 24 bits; 8, 4, 1 bits by palette; RLE8; bottom-up and top-down. No library
 * in wide use reads them as Pillow does. */
#include <string.h>

#include "io/image/formats.h"

typedef struct bmp {
    const unsigned char *bytes;
    size_t n;
    uint32_t pixels_at, header, compression, colours;
    int64_t width, height;
    int bits;
    bool top_down;
} bmp;

static uint32_t
u32(const unsigned char *p)
{
    return (uint32_t) p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16 |
           (uint32_t) p[3] << 24;
}

static bool
read_header(bmp *b, ac_item_status *item_status)
{
    const unsigned char *h = b->bytes + 14;

    if (b->n < 26)
        return ac_item_status_set(item_status, AC_REJECT_TRUNCATED, "BMP: %zu bytes", b->n),
               false;
    b->pixels_at = u32(b->bytes + 10);
    b->header = u32(h);
    if (b->header == 12) {
        b->width = h[4] | h[5] << 8;
        b->height = h[6] | h[7] << 8;
        b->bits = h[10] | h[11] << 8;
    } else if (b->header >= 40 && b->header <= 124 && b->n >= 14 + (size_t) b->header) {
        const int32_t height = (int32_t) u32(h + 8);
        b->width = (int32_t) u32(h + 4);
        b->top_down = height < 0;
        b->height = height < 0 ? -(int64_t) height : height;
        b->bits = h[14] | h[15] << 8;
        b->compression = u32(h + 16);
        b->colours = u32(h + 32);
    } else {
        return ac_item_status_set(item_status,
                                  b->header >= 40 && b->header <= 124
                                      ? AC_REJECT_TRUNCATED
                                      : AC_REJECT_UNSUPPORTED_FORMAT,
                                  "BMP: a header of %u bytes", b->header),
               false;
    }
    if (b->pixels_at > b->n)
        return ac_item_status_set(item_status, AC_REJECT_TRUNCATED, "BMP: no pixels"), false;
    return true;
}

/* The palette; grey ones (0, 1, 2 … or black and white) make mode L or 1, as in Pillow. */
static bool
read_palette(const bmp *b, ac_image *p, ac_image_mode *mode, ac_item_status *item_status)
{
    const size_t entry = b->header == 12 ? 3 : 4, at = 14 + (size_t) b->header;
    uint32_t n = b->colours ? b->colours : 1u << b->bits;
    bool grey = true;

    if (n > 256 || b->n < at + n * entry)
        return ac_item_status_set(item_status, AC_REJECT_CORRUPT,
                                  "BMP: a palette of %u colours does not fit", n),
               false;
    for (uint32_t i = 0; i < n; i++) {
        const unsigned char *c = b->bytes + at + i * entry;
        const int level = n == 2 ? (int) i * 255 : (int) i;
        p->palette[i][0] = c[2];
        p->palette[i][1] = c[1];
        p->palette[i][2] = c[0];
        grey = grey && c[0] == level && c[1] == level && c[2] == level;
    }
    *mode = !grey ? AC_MODE_P : n == 2 ? AC_MODE_1 : AC_MODE_L;
    return true;
}

static uint8_t *
row_of(const bmp *b, ac_image *p, int64_t y)
{
    return p->pixels +
           (b->top_down ? y : b->height - 1 - y) * b->width * ac_image_pixel_bytes(p->mode);
}

static void
read_plain(const bmp *b, ac_image *p, ac_item_status *item_status)
{
    const size_t stride = ((size_t) b->width * (size_t) b->bits + 31) / 32 * 4;

    for (int64_t y = 0; y < b->height; y++) {
        const unsigned char *s = b->bytes + b->pixels_at + (size_t) y * stride;
        uint8_t *d = row_of(b, p, y);
        const size_t needed = ((size_t) b->width * (size_t) b->bits + 7) / 8;
        if (b->n - b->pixels_at < (size_t) y * stride + needed) {
            ac_item_status_set(item_status, AC_REJECT_TRUNCATED,
                               "BMP: ends at row %lld of %lld", (long long) y,
                               (long long) b->height);
            return;
        }
        for (int64_t x = 0; x < b->width; x++) {
            if (b->bits >= 24) {
                const unsigned char *c = s + x * (b->bits / 8);
                d[3 * x] = c[2];
                d[3 * x + 1] = c[1];
                d[3 * x + 2] = c[0];
            } else {
                const int per = 8 / b->bits, shift = (int) (per - 1 - x % per) * b->bits;
                d[x] = (uint8_t) (s[x / per] >> shift & ((1 << b->bits) - 1));
                if (p->mode == AC_MODE_1)
                    d[x] = d[x] ? 255 : 0;
            }
        }
    }
}

static void
read_rle8(const bmp *b, ac_image *p, ac_item_status *item_status)
{
    size_t at = b->pixels_at;
    int64_t x = 0, y = 0;

    while (y < b->height) {
        unsigned count, value;
        if (b->n - at < 2) {
            ac_item_status_set(item_status, AC_REJECT_TRUNCATED,
                               "BMP: run-length data ends at row %lld of %lld", (long long) y,
                               (long long) b->height);
            return;
        }
        count = b->bytes[at];
        value = b->bytes[at + 1];
        at += 2;
        if (count) {
            for (; count; count--, x++)
                if (x < b->width)
                    row_of(b, p, y)[x] = (uint8_t) value;
        } else if (value == 0) {
            x = 0;
            y++;
        } else if (value == 1) {
            return;
        } else if (value == 2) {
            if (b->n - at < 2)
                continue; /* found to be truncated above */
            x += b->bytes[at];
            y += b->bytes[at + 1];
            at += 2;
        } else {
            if (b->n - at < value) {
                at = b->n;
                continue;
            }
            for (unsigned i = 0; i < value; i++, x++)
                if (x < b->width)
                    row_of(b, p, y)[x] = b->bytes[at + i];
            at += value + (value & 1);
            at = at > b->n ? b->n : at;
        }
    }
}

ac_status
ac_bmp_decode(ac_image *out, const unsigned char *bytes, size_t n, int64_t max_pixels,
              ac_item_status *item_status)
{
    bmp b = { .bytes = bytes, .n = n };
    ac_image_mode mode = AC_MODE_RGB;
    ac_image palette = { 0 };
    ac_status st;

    if (!read_header(&b, item_status))
        return AC_OK;
    if (!(b.bits == 1 || b.bits == 4 || b.bits == 8 || b.bits == 24 || b.bits == 32) ||
        !(b.compression == 0 || (b.compression == 1 && b.bits == 8) ||
          (b.compression == 3 && b.bits == 32)))
        return ac_item_status_set(item_status, AC_REJECT_UNSUPPORTED_FORMAT,
                                  "BMP: %d bits, compression %u", b.bits, b.compression);
    if (b.bits <= 8 && !read_palette(&b, &palette, &mode, item_status))
        return AC_OK;
    st = ac_image_allocate(out, mode, b.width, b.height, max_pixels, item_status);
    if (st != AC_OK || item_status->reason != AC_GOOD)
        return st;
    memcpy(out->palette, palette.palette, sizeof out->palette);
    if (b.compression == 1)
        read_rle8(&b, out, item_status);
    else
        read_plain(&b, out, item_status);
    return AC_OK;
}
