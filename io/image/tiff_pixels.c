/* A TIFF's strips and tiles, one at a time, into an image. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "io/image/formats.h"
#include "io/image/tiff.h"

/* A piece of the page: a strip, or a tile. */
typedef struct piece {
    int64_t width, height, x, y; /* in pixels; what lies past the page's edge is dropped */
    size_t row_bytes;
    uint16_t samples; /* in it: all, or one of planes that are stored apart */
    int first;        /* which channel its first sample is */
} piece;

static uint32_t
sample_at(const uint8_t *row, size_t i, unsigned bits)
{
    uint16_t word;
    uint32_t whole;

    switch (bits) {
    case 8: return row[i];
    case 16: memcpy(&word, row + 2 * i, sizeof word); return word;
    case 32: memcpy(&whole, row + 4 * i, sizeof whole); return whole;
    case 12:
        row += i / 2 * 3;
        return i % 2 ? (row[1] & 15u) << 8 | row[2] : (uint32_t) row[0] << 4 | row[1] >> 4;
    default: return row[i * bits / 8] >> (8 - bits - i * bits % 8) & ((1u << bits) - 1);
    }
}

/* Grey and colour as bytes: few bits are spread over 0 … 255, of 16 the high byte counts. */
static uint8_t
to_byte(const ac_tiff *t, uint32_t v)
{
    if (t->bits == 16)
        return (uint8_t) (v >> 8);
    if (t->mode != AC_MODE_P && t->bits < 8)
        v = v * 255 / ((1u << t->bits) - 1);
    return (uint8_t) v;
}

/* White is 0: turned round, but not wide samples (Pillow does not). */
static bool
is_inverted(const ac_tiff *t)
{
    return t->photometric == PHOTOMETRIC_MINISWHITE && t->bits <= 8;
}

static void
store_wide(const ac_tiff *t, uint8_t *to, uint32_t v)
{
    uint16_t word = (uint16_t) v;
    int32_t whole;

    if (t->swapped) {
        word = __builtin_bswap16(word);
        v = __builtin_bswap32(v);
    }
    whole = t->bits == 16 ? (int16_t) word : (int32_t) v;
    if (t->mode == AC_MODE_I16) {
        memcpy(to, &word, sizeof word);
    } else if (t->mode == AC_MODE_I16B) {
        to[0] = (uint8_t) (word >> 8);
        to[1] = (uint8_t) word;
    } else if (t->mode == AC_MODE_I) {
        memcpy(to, &whole, sizeof whole);
    } else {
        memcpy(to, &v, sizeof v);
    }
}

/* One row of a piece to the page's row at `to`: `columns` pixels. */
static void
store_row(const ac_tiff *t, const piece *p, uint8_t *to, const uint8_t *row, int64_t columns)
{
    const int bytes = ac_image_pixel_bytes(t->mode), channels = ac_image_channels(t->mode);
    const bool inverted = is_inverted(t);

    if (ac_image_mode_is_wide(t->mode)) {
        for (int64_t x = 0; x < columns; x++)
            store_wide(t, to + x * bytes, sample_at(row, (size_t) (x * p->samples), t->bits));
        return;
    }
    if (t->bits == 8 && p->samples == channels && !inverted) {
        memcpy(to, row, (size_t) (columns * channels));
        return;
    }
    for (int64_t x = 0; x < columns; x++)
        for (int c = 0; c < p->samples && p->first + c < channels; c++) {
            uint8_t v = to_byte(t, sample_at(row, (size_t) (x * p->samples + c), t->bits));
            if (inverted && p->first + c == 0)
                v = (uint8_t) (255 - v);
            to[x * bytes + p->first + c] = v;
        }
}

/* The last strip has only the rows that the page has. */
static int64_t
rows_of(const ac_tiff *t, const piece *p)
{
    return p->height < t->height - p->y ? p->height : t->height - p->y;
}

static void
store(const ac_tiff *t, const piece *p, ac_image *out, const uint8_t *pixels)
{
    const int64_t columns = p->width < t->width - p->x ? p->width : t->width - p->x;

    for (int64_t r = 0; r < rows_of(t, p); r++)
        store_row(t, p,
                  out->pixels +
                      ((p->y + r) * out->width + p->x) * ac_image_pixel_bytes(out->mode),
                  pixels + (size_t) r * p->row_bytes, columns);
}

static void
rejected(const ac_tiff *t, ac_item_status *item_status)
{
    const bool short_data = t->damaged || strstr(t->message, "Not enough") ||
                            strstr(t->message, "got ") || strstr(t->message, "Read error");

    ac_item_status_set(item_status, short_data ? AC_REJECT_TRUNCATED : AC_REJECT_CORRUPT,
                       "TIFF: %s", t->message[0] ? t->message : "cannot be decoded");
}

/* Width, height and row of a piece; false where it cannot be one of this page's. */
static bool
measure(const ac_tiff *t, piece *p, int64_t max_pixels, ac_item_status *item_status)
{
    const bool tiled = TIFFIsTiled(t->tif);
    uint32_t width = t->width, height = t->height;
    tmsize_t bytes;

    p->samples = t->planar == PLANARCONFIG_SEPARATE ? 1 : t->samples;
    if (tiled) {
        TIFFGetField(t->tif, TIFFTAG_TILEWIDTH, &width);
        TIFFGetField(t->tif, TIFFTAG_TILELENGTH, &height);
    } else {
        TIFFGetFieldDefaulted(t->tif, TIFFTAG_ROWSPERSTRIP, &height);
        height = height == 0 || height > t->height ? t->height : height;
    }
    p->width = width;
    p->height = height;
    if (!ac_image_check_size(p->width, p->height, max_pixels, item_status))
        return false;
    p->row_bytes = ((size_t) p->width * p->samples * t->bits + 7) / 8;
    bytes = tiled ? TIFFTileSize(t->tif) : TIFFStripSize(t->tif);
    if (bytes <= 0 || (size_t) bytes > p->row_bytes * height) {
        ac_item_status_set(item_status, AC_REJECT_CORRUPT,
                           "TIFF: a piece of %lld bytes for %u x %u pixels", (long long) bytes,
                           width, height);
        return false;
    }
    return true;
}

static bool
read_piece(const ac_tiff *t, const piece *p, uint8_t *pixels)
{
    const uint16_t plane = (uint16_t) p->first;
    const uint32_t x = (uint32_t) p->x, y = (uint32_t) p->y;
    const tmsize_t bytes = (tmsize_t) p->row_bytes * rows_of(t, p);

    if (TIFFIsTiled(t->tif))
        return TIFFReadTile(t->tif, pixels, x, y, 0, plane) >= 0 && !t->damaged;
    return TIFFReadEncodedStrip(t->tif, TIFFComputeStrip(t->tif, y, plane), pixels, bytes) ==
               bytes &&
           !t->damaged;
}

static ac_status
read_pieces(const ac_tiff *t, ac_image *out, int64_t max_pixels, ac_item_status *item_status)
{
    piece p = { 0 };
    uint8_t *pixels = NULL;
    const int planes = t->planar == PLANARCONFIG_SEPARATE ? t->colours : 1;
    ac_status st = AC_OK;

    if (!measure(t, &p, max_pixels, item_status))
        return AC_OK;
    AC_TRY(ac_alloc(&pixels, p.height, p.row_bytes));
    for (p.first = 0; p.first < planes; p.first++)
        for (p.y = 0; p.y < t->height; p.y += p.height)
            for (p.x = 0; p.x < t->width; p.x += p.width) {
                if (!read_piece(t, &p, pixels)) {
                    rejected(t, item_status);
                    goto out;
                }
                store(t, &p, out, pixels);
            }
out:
    free(pixels);
    return st;
}

/* YCbCr that is not JPEG's: libtiff converts it, with its subsampling. */
static ac_status
read_rgba(ac_tiff *t, ac_image *out, ac_item_status *item_status)
{
    uint32_t *raster = NULL;
    TIFFRGBAImage image;
    char message[1024] = "";
    ac_status st = AC_OK;

    if (!TIFFRGBAImageBegin(&image, t->tif, 1, message)) {
        ac_item_status_set(item_status, AC_REJECT_CORRUPT, "TIFF: %.160s", message);
        return AC_OK;
    }
    image.orientation = image.req_orientation = ORIENTATION_TOPLEFT; /* turned later */
    AC_TRY(ac_alloc(&raster, out->width * out->height, sizeof *raster));
    if (!TIFFRGBAImageGet(&image, raster, t->width, t->height) || t->damaged) {
        rejected(t, item_status);
        goto out;
    }
    for (int64_t i = 0; i < out->width * out->height; i++) {
        out->pixels[3 * i] = (uint8_t) TIFFGetR(raster[i]);
        out->pixels[3 * i + 1] = (uint8_t) TIFFGetG(raster[i]);
        out->pixels[3 * i + 2] = (uint8_t) TIFFGetB(raster[i]);
    }
out:
    TIFFRGBAImageEnd(&image);
    free(raster);
    return st;
}

ac_status
ac_tiff_read_pixels(ac_tiff *t, ac_image *out, int64_t max_pixels, ac_item_status *item_status)
{
    if (t->as_rgba)
        return read_rgba(t, out, item_status);
    return read_pieces(t, out, max_pixels, item_status);
}
