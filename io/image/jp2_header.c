#include "io/image/jp2_header.h"

#include <string.h>

enum { SRGB = 16, GREY = 17, SYCC = 18, CMYK = 12, BILEVEL_0 = 0, BILEVEL_15 = 15 };

/* A box's content: [at, end) of the file. */
typedef struct box {
    size_t at, end;
    char type[5];
} box;

static uint32_t
big(const unsigned char *p, int bytes)
{
    uint32_t v = 0;

    for (int i = 0; i < bytes; i++)
        v = v << 8 | p[i];
    return v;
}

/* The box at *at of [*at, end); *at moves behind it. A length of 0 reaches to the end. */
static bool
next_box(const unsigned char *bytes, size_t *at, size_t end, box *out)
{
    uint64_t length;
    size_t head = 8;

    if (end - *at < 8)
        return false;
    length = big(bytes + *at, 4);
    memcpy(out->type, bytes + *at + 4, 4);
    out->type[4] = '\0';
    if (length == 1) {
        if (end - *at < 16)
            return false;
        length = (uint64_t) big(bytes + *at + 8, 4) << 32 | big(bytes + *at + 12, 4);
        head = 16;
    }
    if (length == 0)
        length = end - *at;
    if (length < head)
        return false;
    out->at = *at + head;
    out->end = length > end - *at ? end : *at + (size_t) length;
    *at = out->end;
    return true;
}

static bool
refuse(ac_item_status *item_status, ac_reject_reason reason, const char *what)
{
    ac_item_status_set(item_status, reason, "JPEG 2000: %s", what);
    return false;
}

/* Tiles that have a first part in the code stream: after the main header's segments, each part
 * says how long it is (0: to the end). */
static uint64_t
count_tiles(const unsigned char *p, size_t n)
{
    uint64_t tiles = 0;
    size_t at = 2;

    while (n - at >= 4 && p[at] == 0xff && p[at + 1] != 0x90)
        at +=
            (size_t) big(p + at + 2, 2) + 2 < n - at ? (size_t) big(p + at + 2, 2) + 2 : n - at;
    while (n - at >= 12 && p[at] == 0xff && p[at + 1] == 0x90) {
        const size_t length = big(p + at + 6, 4);
        tiles += p[at + 10] == 0;
        if (length < 12 || length > n - at)
            break;
        at += length;
    }
    return tiles;
}

/* SIZ: sizes, tiles, components and their bits. */
static bool
read_code_stream(ac_jp2_header *h, const unsigned char *p, size_t n,
                 ac_item_status *item_status)
{
    uint64_t x1, y1, x0, y0, tile_width, tile_height, tiles;

    if (n < 43)
        return refuse(item_status, AC_REJECT_TRUNCATED, "ends in its header");
    if (memcmp(p, "\xff\x4f\xff\x51", 4) != 0)
        return refuse(item_status, AC_REJECT_CORRUPT, "no code stream where it must be");
    x1 = big(p + 8, 4);
    y1 = big(p + 12, 4);
    x0 = big(p + 16, 4);
    y0 = big(p + 20, 4);
    tile_width = big(p + 24, 4);
    tile_height = big(p + 28, 4);
    h->components = (int) big(p + 40, 2);
    h->bits = (p[42] & 127) + 1;
    if (x1 <= x0 || y1 <= y0 || tile_width == 0 || tile_height == 0)
        return refuse(item_status, AC_REJECT_CORRUPT, "a size of 0");
    h->width = (int64_t) (x1 - x0);
    h->height = (int64_t) (y1 - y0);
    tiles = ((x1 + tile_width - 1) / tile_width) * ((y1 + tile_height - 1) / tile_height);
    if (tiles > 1 && count_tiles(p, n) < tiles) /* OpenJPEG would leave them black */
        return refuse(item_status, AC_REJECT_TRUNCATED, "tiles are missing");
    if (h->components < 1 || h->components > 4)
        return refuse(item_status, AC_REJECT_UNSUPPORTED_FORMAT,
                      "not one to four components per pixel");
    return true;
}

/* A palette of up to 256 colours, three bytes each or more. */
static bool
read_palette(ac_jp2_header *h, const unsigned char *p, size_t n)
{
    const size_t colours = n < 3 ? 0 : big(p, 2), columns = n < 3 ? 0 : p[2];

    if (colours < 1 || colours > 256 || columns < 3 || n < 3 + columns + colours * columns)
        return false;
    for (size_t c = 0; c < columns; c++)
        if ((p[3 + c] & 127) + 1 > 8)
            return false;
    for (size_t i = 0; i < colours; i++)
        memcpy(h->palette[i], p + 3 + columns + i * columns, 3);
    return true;
}

/* The colours of jp2h: what they mean, and a palette. */
static bool
read_colours(ac_jp2_header *h, const unsigned char *bytes, box inside, bool *palette,
             ac_item_status *item_status)
{
    uint32_t space = SRGB;
    bool seen = false, bilevel_or_grey = false;
    box b;

    while (next_box(bytes, &inside.at, inside.end, &b)) {
        const unsigned char *p = bytes + b.at;
        const size_t n = b.end - b.at;
        if (strcmp(b.type, "colr") == 0 && n >= 7 && p[0] == 1 && !seen) {
            space = big(p + 3, 4);
            seen = true;
            bilevel_or_grey = space == BILEVEL_0 || space == BILEVEL_15 || space == GREY;
            if (space != SRGB && space != SYCC && space != CMYK && !bilevel_or_grey) {
                ac_item_status_set(item_status, AC_REJECT_UNSUPPORTED_FORMAT,
                                   "JPEG 2000: colour space %u is not read", space);
                return false;
            }
        } else if (strcmp(b.type, "pclr") == 0 && h->components <= 2 && !bilevel_or_grey) {
            if (h->components != 1 || !read_palette(h, p, n))
                return refuse(item_status, AC_REJECT_UNSUPPORTED_FORMAT,
                              "a palette of this kind is not read");
            *palette = true;
        }
    }
    h->ycc = space == SYCC && h->components >= 3;
    if (space == CMYK && h->components == 4)
        h->mode = AC_MODE_CMYK;
    return true;
}

static void
choose_mode(ac_jp2_header *h, bool palette)
{
    static const ac_image_mode modes[] = { AC_MODE_L, AC_MODE_LA, AC_MODE_RGB, AC_MODE_RGBA };

    if (palette)
        h->mode = AC_MODE_P;
    else if (h->components == 1 && h->bits > (h->boxes ? 9 : 8)) /* Pillow's, off by one */
        h->mode = AC_MODE_I16;
    else if (h->mode != AC_MODE_CMYK)
        h->mode = modes[h->components - 1];
}

bool
ac_jp2_read_header(ac_jp2_header *h, const unsigned char *bytes, size_t n,
                   ac_item_status *item_status)
{
    size_t at = 0;
    box b, colours = { 0 };
    bool palette = false, stream = bytes[0] == 0xff;

    h->boxes = !stream;
    if (stream && !read_code_stream(h, bytes, n, item_status))
        return false;
    while (!stream && next_box(bytes, &at, n, &b)) {
        if (strcmp(b.type, "jp2h") == 0)
            colours = b;
        else if (strcmp(b.type, "jp2c") == 0) {
            if (!read_code_stream(h, bytes + b.at, b.end - b.at, item_status))
                return false;
            stream = true;
        }
    }
    if (!stream)
        return refuse(item_status, AC_REJECT_TRUNCATED, "ends before its code stream");
    if (colours.end && !read_colours(h, bytes, colours, &palette, item_status))
        return false;
    choose_mode(h, palette);
    return true;
}
