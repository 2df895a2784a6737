/* BMP by hand, as Pillow reads it: 1, 4, 8 bits by palette, run lengths of 4 and 8 bits, 16,
 * 24, 32 bits with or without masks. No library in wide use does that. */
#include <string.h>

#include "io/image/bmp.h"
#include "io/image/formats.h"

enum { RAW = 0, RLE8 = 1, RLE4 = 2, MASKED = 3 };

static uint32_t
u32(const unsigned char *p)
{
    return (uint32_t) p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16 |
           (uint32_t) p[3] << 24;
}

/* OS/2 1, Windows 3, two of Adobe's, OS/2 2, Windows 4 and 5. */
static bool
is_header_size(uint32_t n)
{
    return n == 12 || n == 40 || n == 52 || n == 56 || n == 64 || n == 108 || n == 124;
}

static bool
read_header(ac_bmp *b, ac_item_status *item_status)
{
    const unsigned char *h = b->bytes + 14;

    if (b->n < 26 || b->n < 14 + (size_t) u32(h)) {
        ac_item_status_set(item_status, AC_REJECT_TRUNCATED, "BMP: ends in its header");
        return false;
    }
    b->pixels_at = u32(b->bytes + 10);
    b->header = u32(h);
    if (!is_header_size(b->header)) {
        ac_item_status_set(item_status, AC_REJECT_UNSUPPORTED_FORMAT,
                           "BMP: a header of %u bytes", b->header);
        return false;
    }
    b->palette_at = 14 + (size_t) b->header;
    if (b->header == 12) {
        b->width = h[4] | h[5] << 8;
        b->height = h[6] | h[7] << 8;
        b->bits = h[10] | h[11] << 8;
    } else {
        const int32_t height = (int32_t) u32(h + 8);
        b->width = (int32_t) u32(h + 4);
        b->top_down = height < 0;
        b->height = height < 0 ? -(int64_t) height : height;
        b->bits = h[14] | h[15] << 8;
        b->compression = u32(h + 16);
        b->colours = u32(h + 32);
    }
    return true;
}

/* The palette; grey ones (0, 1, 2 … or black and white) make mode L or 1. */
static bool
read_palette(ac_bmp *b, ac_image *p, ac_item_status *item_status)
{
    const size_t entry = b->header == 12 ? 3 : 4;
    const uint32_t n = b->colours ? b->colours : 1u << b->bits;
    bool grey = true;

    if (n > 256 || b->n - b->palette_at < n * entry) {
        ac_item_status_set(item_status, AC_REJECT_CORRUPT,
                           "BMP: a palette of %u colours does not fit", n);
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        const unsigned char *c = b->bytes + b->palette_at + i * entry;
        const int level = n == 2 ? (int) i * 255 : (int) i;
        p->palette[i][0] = c[2];
        p->palette[i][1] = c[1];
        p->palette[i][2] = c[0];
        grey = grey && c[0] == level && c[1] == level && c[2] == level;
    }
    p->mode = !grey ? AC_MODE_P : n <= 2 ? AC_MODE_1 : AC_MODE_L;
    if (b->pixels_at == b->palette_at || b->pixels_at == 0) /* writers that forget it */
        b->pixels_at = (uint32_t) (b->palette_at + n * entry);
    return true;
}

/* Which byte of a pixel of 32 bits holds red, green, blue, alpha (-1: none), for masks that are
 * whole bytes. */
typedef struct layout {
    uint32_t masks[4]; /* red, green, blue, alpha */
    int8_t byte[4];
} layout;

static const layout layouts[] = {
    { { 0xff0000, 0xff00, 0xff, 0 }, { 2, 1, 0, -1 } },
    { { 0xff000000, 0xff0000, 0xff00, 0 }, { 3, 2, 1, -1 } },
    { { 0xff000000, 0xff00, 0xff, 0 }, { 3, 1, 0, -1 } },
    { { 0xff000000, 0xff0000, 0xff00, 0xff }, { 3, 2, 1, 0 } },
    { { 0xff, 0xff00, 0xff0000, 0xff000000 }, { 0, 1, 2, 3 } },
    { { 0xff0000, 0xff00, 0xff, 0xff000000 }, { 2, 1, 0, 3 } },
    { { 0xff000000, 0xff00, 0xff, 0xff0000 }, { 3, 1, 0, 2 } },
    { { 0, 0, 0, 0 }, { 2, 1, 0, 3 } },
};

/* Pillow takes these masks and no others; neither do we, since what others mean is a guess. */
static bool
choose_by_masks(ac_bmp *b, ac_image *p, ac_item_status *item_status)
{
    const unsigned char *at = b->bytes + 14 + 40;
    uint32_t m[4] = { 0 };

    if (b->header == 40)
        b->palette_at += 12;
    if (b->n < b->palette_at) {
        ac_item_status_set(item_status, AC_REJECT_TRUNCATED, "BMP: ends in its masks");
        return false;
    }
    for (int c = 0; c < (b->header >= 56 ? 4 : 3); c++)
        m[c] = u32(at + 4 * c);
    if (b->bits == 16 && m[0] == 0xf800 && m[1] == 0x7e0 && m[2] == 0x1f) {
        b->green_bits = 6;
        return true;
    }
    if (b->bits == 16 && m[0] == 0x7c00 && m[1] == 0x3e0 && m[2] == 0x1f)
        return true;
    if (b->bits == 24 && m[0] == 0xff0000 && m[1] == 0xff00 && m[2] == 0xff)
        return true;
    for (size_t i = 0; b->bits == 32 && i < sizeof layouts / sizeof *layouts; i++)
        if (memcmp(layouts[i].masks, m, sizeof m) == 0) {
            memcpy(b->byte, layouts[i].byte, sizeof b->byte);
            p->mode = b->byte[3] >= 0 ? AC_MODE_RGBA : AC_MODE_RGB;
            return true;
        }
    ac_item_status_set(item_status, AC_REJECT_UNSUPPORTED_FORMAT,
                       "BMP: masks %08x %08x %08x %08x at %d bits", m[0], m[1], m[2], m[3],
                       b->bits);
    return false;
}

static void
colour_row(const ac_bmp *b, uint8_t *d, const unsigned char *s, const ac_image *p)
{
    const int to = ac_image_channels(p->mode), from = b->bits / 8;

    for (int64_t x = 0; x < b->width; x++, s += from, d += to) {
        if (b->bits == 16) {
            const int v = s[0] | s[1] << 8, most = (1 << b->green_bits) - 1;
            d[0] = (uint8_t) ((v >> (5 + b->green_bits) & 31) * 255 / 31);
            d[1] = (uint8_t) ((v >> 5 & most) * 255 / most);
            d[2] = (uint8_t) ((v & 31) * 255 / 31);
        } else {
            for (int c = 0; c < to; c++)
                d[c] = s[b->byte[c]];
        }
    }
}

static void
index_row(const ac_bmp *b, uint8_t *d, const unsigned char *s, const ac_image *p)
{
    const int per = 8 / b->bits;

    for (int64_t x = 0; x < b->width; x++) {
        const int shift = (int) (per - 1 - x % per) * b->bits;
        d[x] = (uint8_t) (s[x / per] >> shift & ((1 << b->bits) - 1));
        if (p->mode == AC_MODE_1)
            d[x] = d[x] ? 255 : 0;
    }
}

static size_t
stride_of(const ac_bmp *b)
{
    return ((size_t) b->width * (size_t) b->bits + 31) / 32 * 4;
}

/* Whether all rows are there; the last one may lack its padding. Before anything is allocated.
 */
static bool
is_whole(const ac_bmp *b, ac_item_status *item_status)
{
    const size_t last = ((size_t) b->width * (size_t) b->bits + 7) / 8,
                 room = b->n - b->pixels_at;

    if (room >= last && (room - last) / stride_of(b) >= (size_t) b->height - 1)
        return true;
    ac_item_status_set(item_status, AC_REJECT_TRUNCATED, "BMP: ends at row %zu of %lld",
                       room / stride_of(b), (long long) b->height);
    return false;
}

static void
read_plain(const ac_bmp *b, ac_image *p)
{
    for (int64_t y = 0; y < b->height; y++) {
        const unsigned char *s = b->bytes + b->pixels_at + (size_t) y * stride_of(b);
        uint8_t *d = p->pixels + (b->top_down ? y : b->height - 1 - y) * b->width *
                                     ac_image_channels(p->mode);
        if (b->bits >= 16)
            colour_row(b, d, s, p);
        else
            index_row(b, d, s, p);
    }
}

static bool
is_known(const ac_bmp *b)
{
    const bool palette = b->bits == 1 || b->bits == 4 || b->bits == 8,
               colour = b->bits == 16 || b->bits == 24 || b->bits == 32;

    switch (b->compression) {
    case RAW: return palette || colour;
    case RLE8: return b->bits == 8;
    case RLE4: return b->bits == 4;
    case MASKED: return colour;
    default: return false;
    }
}

ac_status
ac_bmp_decode(ac_image *out, const unsigned char *bytes, size_t n, int64_t max_pixels,
              ac_item_status *item_status)
{
    ac_bmp b = { .bytes = bytes, .n = n, .byte = { 2, 1, 0, -1 }, .green_bits = 5 };
    ac_image image = { .mode = AC_MODE_RGB };
    ac_status st;

    if (!read_header(&b, item_status))
        return AC_OK;
    if (!is_known(&b))
        return ac_item_status_set(item_status, AC_REJECT_UNSUPPORTED_FORMAT,
                                  "BMP: %d bits, compression %u", b.bits, b.compression);
    if (b.compression == MASKED && !choose_by_masks(&b, &image, item_status))
        return AC_OK;
    if (b.bits <= 8 && !read_palette(&b, &image, item_status))
        return AC_OK;
    if (b.pixels_at == 0)
        b.pixels_at = (uint32_t) b.palette_at;
    if (b.pixels_at >= n)
        return ac_item_status_set(item_status, AC_REJECT_TRUNCATED, "BMP: no pixels");
    if (!ac_image_check_size(b.width, b.height, max_pixels, item_status))
        return AC_OK;
    if ((b.compression == RAW || b.compression == MASKED) && !is_whole(&b, item_status))
        return AC_OK;
    st = ac_image_allocate(out, image.mode, b.width, b.height, max_pixels, item_status);
    if (st != AC_OK || item_status->reason != AC_GOOD)
        return st;
    memcpy(out->palette, image.palette, sizeof out->palette);
    if (b.compression == RLE8 || b.compression == RLE4)
        ac_bmp_read_runs(&b, out, item_status);
    else
        read_plain(&b, out);
    return AC_OK;
}
