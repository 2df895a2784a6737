/* TIFF by libtiff, as Pillow reads it: one page, turned as its orientation says. */
#include "io/image/tiff.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "io/image/formats.h"

#define NAME "TIFF" /* of the file, in some of libtiff's messages */

typedef struct source {
    const unsigned char *bytes;
    size_t n;
    uint64_t at;
    ac_tiff *tiff;
} source;

static tmsize_t
on_read(thandle_t handle, void *to, tmsize_t n)
{
    source *s = handle;
    const uint64_t left = s->at < s->n ? s->n - s->at : 0;
    const size_t count = (uint64_t) n < left ? (size_t) n : (size_t) left;

    if (count)
        memcpy(to, s->bytes + s->at, count);
    s->at += count;
    return (tmsize_t) count;
}

static tmsize_t
on_write(thandle_t handle, void *from, tmsize_t n)
{
    (void) handle;
    (void) from;
    (void) n;
    return 0;
}

static toff_t
on_seek(thandle_t handle, toff_t offset, int whence)
{
    source *s = handle;

    s->at = whence == SEEK_SET ? offset : whence == SEEK_CUR ? s->at + offset : s->n + offset;
    return s->at;
}

static int
on_close(thandle_t handle)
{
    (void) handle;
    return 0;
}

static toff_t
on_size(thandle_t handle)
{
    return ((const source *) handle)->n;
}

static int
on_error(TIFF *tif, void *data, const char *module, const char *format, va_list args)
{
    ac_tiff *t = data;

    (void) tif;
    (void) module;
    if (!t->message[0]) { /* the first says why, others what follows from it */
        vsnprintf(t->message, sizeof t->message, format, args);
        if (strncmp(t->message, NAME ": ", sizeof NAME + 1) == 0)
            memmove(t->message, t->message + sizeof NAME + 1,
                    strlen(t->message + sizeof NAME + 1) + 1);
    }
    return 1;
}

/* Where codecs only warn, pixels are missing nonetheless. */
static int
on_warning(TIFF *tif, void *data, const char *module, const char *format, va_list args)
{
    ac_tiff *t = data;
    char text[160];

    (void) tif;
    (void) module;
    vsnprintf(text, sizeof text, format, args);
    if (strstr(text, "Premature") || strstr(text, "premature")) {
        t->damaged = true;
        snprintf(t->message, sizeof t->message, "%s", text);
    }
    return 1;
}

/* Memory of one piece: no more than the file and the pixels allowed can need. */
static TIFF *
open_bytes(source *s, int64_t max_pixels)
{
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    TIFF *tif;

    if (!options)
        return NULL;
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t) s->n + 16 * max_pixels + (1 << 16));
    TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, s->tiff);
    TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, s->tiff);
    tif = TIFFClientOpenExt(NAME, "rm", s, on_read, on_write, on_seek, on_close, on_size, NULL,
                            NULL, options);
    TIFFOpenOptionsFree(options);
    return tif;
}

static const char *
compression_name(uint16_t compression)
{
    static const struct {
        uint16_t id;
        const char *name;
    } names[] = { { COMPRESSION_OJPEG, "old-style JPEG" },
                  { COMPRESSION_NEXT, "NeXT" },
                  { COMPRESSION_CCITTRLEW, "CCITT with word alignment" },
                  { COMPRESSION_THUNDERSCAN, "ThunderScan" },
                  { COMPRESSION_PIXARLOG, "PixarLog" },
                  { COMPRESSION_JBIG, "JBIG" },
                  { COMPRESSION_SGILOG, "SGI LogLuv" },
                  { COMPRESSION_SGILOG24, "SGI LogLuv" },
                  { COMPRESSION_JP2000, "JPEG 2000" },
                  { 33003, "JPEG 2000 (Aperio)" },
                  { 33005, "JPEG 2000 (Aperio)" },
                  { COMPRESSION_LERC, "LERC" },
                  { COMPRESSION_T85, "JBIG" },
                  { COMPRESSION_T43, "JBIG" },
                  { 34892, "lossy JPEG of DNG" },
                  { 50002, "JPEG XL" },
                  { 52546, "JPEG XL" } };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].id == compression)
            return names[i].name;
    return "unknown";
}

static bool
is_compression_read(uint16_t compression)
{
    switch (compression) {
    case COMPRESSION_NONE:
    case COMPRESSION_CCITTRLE:
    case COMPRESSION_CCITTFAX3:
    case COMPRESSION_CCITTFAX4:
    case COMPRESSION_LZW:
    case COMPRESSION_JPEG:
    case COMPRESSION_ADOBE_DEFLATE:
    case COMPRESSION_DEFLATE:
    case COMPRESSION_PACKBITS:
    case COMPRESSION_LZMA:
    case COMPRESSION_ZSTD:
    case COMPRESSION_WEBP: return TIFFIsCODECConfigured(compression);
    default: return false;
    }
}

/* The tags that say what the pixels are. */
static bool
read_tags(ac_tiff *t, ac_item_status *item_status)
{
    uint16_t *meanings = NULL;

    TIFFGetField(t->tif, TIFFTAG_IMAGEWIDTH, &t->width);
    TIFFGetField(t->tif, TIFFTAG_IMAGELENGTH, &t->height);
    TIFFGetFieldDefaulted(t->tif, TIFFTAG_COMPRESSION, &t->compression);
    TIFFGetFieldDefaulted(t->tif, TIFFTAG_BITSPERSAMPLE, &t->bits);
    TIFFGetFieldDefaulted(t->tif, TIFFTAG_SAMPLESPERPIXEL, &t->samples);
    TIFFGetFieldDefaulted(t->tif, TIFFTAG_PLANARCONFIG, &t->planar);
    TIFFGetFieldDefaulted(t->tif, TIFFTAG_SAMPLEFORMAT, &t->format);
    TIFFGetField(t->tif, TIFFTAG_PHOTOMETRIC, &t->photometric); /* without: 0, as Pillow */
    t->extra = EXTRASAMPLE_UNASSALPHA;
    TIFFGetField(t->tif, TIFFTAG_EXTRASAMPLES, &t->extras, &meanings);
    if (t->extras)
        t->extra = meanings[0];
    if (!is_compression_read(t->compression)) {
        ac_item_status_set(item_status, AC_REJECT_UNSUPPORTED_FORMAT,
                           "TIFF: compression %u (%s) is not read", t->compression,
                           compression_name(t->compression));
        return false;
    }
    return ac_tiff_choose_mode(t, item_status);
}

static bool
read_palette(ac_tiff *t, ac_image *out, ac_item_status *item_status)
{
    uint16_t *channel[3];

    if (!TIFFGetField(t->tif, TIFFTAG_COLORMAP, &channel[0], &channel[1], &channel[2])) {
        ac_item_status_set(item_status, AC_REJECT_CORRUPT, "TIFF: colours without a palette");
        return false;
    }
    for (int i = 0; i < 1 << t->bits; i++)
        for (int c = 0; c < 3; c++)
            out->palette[i][c] = (uint8_t) (channel[c][i] >> 8);
    return true;
}

/* Of a clear pixel no colour is left. */
static void
divide_by_alpha(ac_image *out)
{
    const int64_t n = out->width * out->height;
    const int C = ac_image_channels(out->mode);

    ac_image_divide_by_alpha(out->pixels, n, C);
    for (int64_t i = 0; i < n; i++)
        if (out->pixels[i * C + C - 1] == 0)
            memset(out->pixels + i * C, 0, (size_t) C);
}

static ac_status
decode(ac_tiff *t, ac_image *out, int64_t max_pixels, ac_item_status *item_status)
{
    uint16_t orientation = 1;
    ac_status st = AC_OK;

    if (!read_tags(t, item_status) ||
        !ac_image_check_size(t->width, t->height, max_pixels, item_status))
        return AC_OK;
    AC_TRY(ac_image_allocate(out, t->mode, t->width, t->height, max_pixels, item_status));
    if (t->mode == AC_MODE_P && !read_palette(t, out, item_status))
        return AC_OK;
    AC_TRY(ac_tiff_read_pixels(t, out, max_pixels, item_status));
    if (item_status->reason != AC_GOOD)
        return AC_OK;
    if (t->associated)
        divide_by_alpha(out);
    TIFFGetField(t->tif, TIFFTAG_ORIENTATION, &orientation);
    out->orientation = orientation;
    AC_TRY(ac_image_orient(out));
    out->orientation = 1;
out:
    return st;
}

ac_status
ac_tiff_decode_at(ac_image *out, const unsigned char *bytes, size_t n, uint64_t directory,
                  int64_t max_pixels, ac_item_status *item_status)
{
    ac_tiff t = { 0 };
    source s = { .bytes = bytes, .n = n, .tiff = &t };
    ac_status st = AC_OK;

    t.tif = open_bytes(&s, max_pixels);
    if (!t.tif || (directory && !TIFFSetSubDirectory(t.tif, directory)))
        ac_item_status_set(item_status, AC_REJECT_CORRUPT, "TIFF: %s", t.message);
    else
        st = decode(&t, out, max_pixels, item_status);
    if (t.tif)
        TIFFClose(t.tif);
    return st;
}

ac_status
ac_tiff_decode(ac_image *out, const unsigned char *bytes, size_t n, int64_t max_pixels,
               ac_item_status *item_status)
{
    return ac_tiff_decode_at(out, bytes, n, 0, max_pixels, item_status);
}
