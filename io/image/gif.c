/* GIF by hand: the first frame on the whole screen, as Pillow reads it. */
#include <string.h>

#include "io/image/formats.h"
#include "io/image/gif.h"

enum { NO_INDEX = -1 };

typedef struct gif {
    const unsigned char *bytes;
    size_t n, at;
    int64_t width, height; /* the screen, grown to the frame */
    int64_t left, top, frame_width, frame_height;
    int transparent; /* NO_INDEX: none */
    int code_bits;
    bool interlaced, grey; /* grey: no palette, or one of 0, 1, 2 … */
    uint8_t palette[256][3];
} gif;

static bool
ends(ac_item_status *item_status, const char *where)
{
    ac_item_status_set(item_status, AC_REJECT_TRUNCATED, "GIF: ends %s", where);
    return false;
}

static int64_t
u16(const unsigned char *p)
{
    return p[0] | p[1] << 8;
}

/* The palette of 2, 4 … 256 colours that `flags` announces; replaces the one before it. */
static bool
read_palette(gif *g, unsigned flags, ac_item_status *item_status)
{
    const size_t count = (size_t) 2 << (flags & 7);

    if (g->n - g->at < 3 * count)
        return ends(item_status, "in a palette");
    memset(g->palette, 0, sizeof g->palette);
    memcpy(g->palette, g->bytes + g->at, 3 * count);
    g->at += 3 * count;
    g->grey = true;
    for (size_t i = 0; i < count; i++)
        g->grey =
            g->grey && g->palette[i][0] == i && g->palette[i][1] == i && g->palette[i][2] == i;
    return true;
}

static bool
read_screen(gif *g, ac_item_status *item_status)
{
    const unsigned char *h = g->bytes;

    if (g->n < 13)
        return ends(item_status, "in its header");
    g->width = u16(h + 6);
    g->height = u16(h + 8);
    g->at = 13;
    g->grey = true;
    return !(h[10] & 128) || read_palette(g, h[10], item_status);
}

/* An extension: its label and blocks. Of the graphic control extension the transparent index
 * counts. */
static bool
read_extension(gif *g, ac_item_status *item_status)
{
    const unsigned char *block;
    unsigned label;

    if (g->n - g->at < 2)
        return ends(item_status, "in an extension");
    label = g->bytes[g->at++];
    block = g->bytes + g->at;
    if (label == 0xf9 && block[0]) {
        if (block[0] < 4 || g->n - g->at < 5)
            return ends(item_status, "in an extension");
        if (block[1] & 1)
            g->transparent = block[4];
    }
    while (g->at < g->n && g->bytes[g->at])
        g->at += (size_t) g->bytes[g->at] + 1;
    g->at++;
    return true;
}

static bool
read_frame(gif *g, ac_item_status *item_status)
{
    const unsigned char *h = g->bytes + g->at;

    if (g->n - g->at < 10)
        return ends(item_status, "in the header of its first frame");
    g->left = u16(h);
    g->top = u16(h + 2);
    g->frame_width = u16(h + 4);
    g->frame_height = u16(h + 6);
    g->interlaced = h[8] & 64;
    g->at += 9;
    if ((h[8] & 128) && !read_palette(g, h[8], item_status))
        return false;
    if (g->at >= g->n)
        return ends(item_status, "before its first frame's pixels");
    g->code_bits = g->bytes[g->at++];
    if (g->frame_width == 0 || g->frame_height == 0 || g->code_bits > 8) {
        ac_item_status_set(item_status, AC_REJECT_CORRUPT,
                           "GIF: a frame of %lld x %lld pixels in codes of %d bits",
                           (long long) g->frame_width, (long long) g->frame_height,
                           g->code_bits);
        return false;
    }
    if (g->left + g->frame_width > g->width)
        g->width = g->left + g->frame_width;
    if (g->top + g->frame_height > g->height)
        g->height = g->top + g->frame_height;
    return true;
}

/* Up to the first frame's pixels. Bytes between blocks that mean nothing are passed over. */
static bool
find_frame(gif *g, ac_item_status *item_status)
{
    while (g->at < g->n) {
        const unsigned char kind = g->bytes[g->at++];
        if (kind == ';')
            break;
        if (kind == ',')
            return read_frame(g, item_status);
        if (kind == '!' && !read_extension(g, item_status))
            return false;
    }
    if (g->at >= g->n)
        return ends(item_status, "before its first frame");
    ac_item_status_set(item_status, AC_REJECT_CORRUPT, "GIF: no image in it");
    return false;
}

ac_status
ac_gif_decode(ac_image *out, const unsigned char *bytes, size_t n, int64_t max_pixels,
              ac_item_status *item_status)
{
    gif g = { .bytes = bytes, .n = n, .transparent = NO_INDEX };
    ac_lzw lzw = { 0 };
    ac_status st;

    if (!read_screen(&g, item_status) || !find_frame(&g, item_status))
        return AC_OK;
    st = ac_image_allocate(out, g.grey ? AC_MODE_L : AC_MODE_P, g.width, g.height, max_pixels,
                           item_status);
    if (st != AC_OK || item_status->reason != AC_GOOD)
        return st;
    memcpy(out->palette, g.palette, sizeof out->palette);
    if (g.transparent != NO_INDEX)
        memset(out->pixels, g.transparent, (size_t) (g.width * g.height));
    lzw.bytes = bytes + g.at;
    lzw.n = n - g.at;
    lzw.code_bits = g.code_bits;
    lzw.pixels = out->pixels + g.top * g.width + g.left;
    lzw.stride = g.width;
    lzw.width = g.frame_width;
    lzw.height = g.frame_height;
    lzw.interlaced = g.interlaced;
    ac_gif_unpack(&lzw, item_status);
    return AC_OK;
}
