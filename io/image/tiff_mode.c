/* Which mode a TIFF's pixels make. Pillow's table (TiffImagePlugin.OPEN_INFO) in rules: all
 * that it reads comes out the same. Beyond it: 16-bit grey and 12 bits in either byte order,
 * grey with associated alpha, colours with more extra samples. */
#include "io/image/tiff.h"

enum { MOST_SAMPLES = 6 }; /* Pillow's */

static bool
refuse(const ac_tiff *t, ac_item_status *item_status, const char *what)
{
    ac_item_status_set(item_status, AC_REJECT_UNSUPPORTED_FORMAT,
                       "TIFF: %s (photometric %u, %u samples of %u bits, sample format %u)",
                       what, t->photometric, t->samples, t->bits, t->format);
    return false;
}

/* Samples that the colour needs; 0: a colour that is not read. */
static int
colours_of(const ac_tiff *t)
{
    switch (t->photometric) {
    case PHOTOMETRIC_MINISWHITE:
    case PHOTOMETRIC_MINISBLACK:
    case PHOTOMETRIC_PALETTE: return 1;
    case PHOTOMETRIC_RGB: return 3;
    case PHOTOMETRIC_YCBCR: return t->samples == 1 ? 1 : 3;
    case PHOTOMETRIC_SEPARATED: return 4;
    default: return 0;
    }
}

static const char *
colour_space(unsigned photometric)
{
    switch (photometric) {
    case PHOTOMETRIC_MASK: return "a mask is not read";
    case PHOTOMETRIC_CIELAB:
    case PHOTOMETRIC_ICCLAB:
    case PHOTOMETRIC_ITULAB: return "the colour space Lab is not read";
    case PHOTOMETRIC_CFA:
    case 34892: return "a camera's raw data are not read";
    case PHOTOMETRIC_LOGL:
    case PHOTOMETRIC_LOGLUV: return "the colour space LogLuv is not read";
    default: return "an unknown colour space";
    }
}

/* One sample per pixel, wider than a byte. Pillow 13 takes what libtiff has put into native
 * order for the file's order where it is decompressed into mode I or F: noise, but the
 * reference's. */
static bool
choose_wide_grey(ac_tiff *t, bool alpha, ac_item_status *item_status)
{
    if (alpha)
        return refuse(t, item_status, "alpha beside grey of more than 8 bits");
    if (t->format == SAMPLEFORMAT_IEEEFP && t->bits == 32)
        t->mode = AC_MODE_F;
    else if (t->format == SAMPLEFORMAT_UINT && (t->bits == 12 || t->bits == 16))
        t->mode = t->bits == 16 && TIFFIsBigEndian(t->tif) ? AC_MODE_I16B : AC_MODE_I16;
    else if ((t->format == SAMPLEFORMAT_INT && (t->bits == 16 || t->bits == 32)) ||
             (t->format == SAMPLEFORMAT_UINT && t->bits == 32))
        t->mode = AC_MODE_I;
    else
        return refuse(t, item_status, "samples of this kind are not read");
    t->swapped = TIFFIsBigEndian(t->tif) && t->compression != COMPRESSION_NONE &&
                 (t->mode == AC_MODE_I || t->mode == AC_MODE_F);
    return true;
}

static bool
choose_grey(ac_tiff *t, bool alpha, ac_item_status *item_status)
{
    if (t->bits > 8)
        return choose_wide_grey(t, alpha, item_status);
    if (t->bits != 1 && t->bits != 2 && t->bits != 4 && t->bits != 8)
        return refuse(t, item_status, "samples of this size are not read");
    if (alpha && t->bits != 8)
        return refuse(t, item_status, "alpha beside grey of less than 8 bits");
    t->mode = t->bits == 1 ? AC_MODE_1 : alpha ? AC_MODE_LA : AC_MODE_L;
    return true;
}

static bool
choose_colour(ac_tiff *t, bool alpha, ac_item_status *item_status)
{
    if ((t->bits != 8 && t->bits != 16) || t->format != SAMPLEFORMAT_UINT)
        return refuse(t, item_status, "colours of this kind are not read");
    t->mode = t->photometric == PHOTOMETRIC_SEPARATED ? AC_MODE_CMYK
              : alpha                                 ? AC_MODE_RGBA
                                                      : AC_MODE_RGB;
    return true;
}

static bool
choose_ycbcr(ac_tiff *t, ac_item_status *item_status)
{
    uint16_t across = 2, down = 2;

    if (t->bits != 8 || t->extras)
        return refuse(t, item_status, "YCbCr of this kind is not read");
    TIFFGetFieldDefaulted(t->tif, TIFFTAG_YCBCRSUBSAMPLING, &across, &down);
    if (t->compression == COMPRESSION_NONE && across == 1 && down == 1 && t->samples == 3) {
        t->mode = AC_MODE_YCBCR; /* resized as it is */
        return true;
    }
    if (t->samples == 1) {
        t->mode = AC_MODE_L;
        return true;
    }
    t->mode = AC_MODE_RGB;
    if (t->compression == COMPRESSION_JPEG && t->planar == PLANARCONFIG_CONTIG)
        TIFFSetField(t->tif, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    else
        t->as_rgba = true;
    return true;
}

bool
ac_tiff_choose_mode(ac_tiff *t, ac_item_status *item_status)
{
    const int colours = colours_of(t);
    const int beyond = t->samples - colours;
    const bool alpha = beyond > 0 && t->extra != EXTRASAMPLE_UNSPECIFIED &&
                       (t->photometric <= PHOTOMETRIC_RGB);
    bool good;

    if (colours == 0)
        return refuse(t, item_status, colour_space(t->photometric));
    if (beyond < 0 || t->samples > MOST_SAMPLES)
        return refuse(t, item_status, "this number of samples is not read");
    if (t->format == SAMPLEFORMAT_VOID) /* undefined: as if not said */
        t->format = SAMPLEFORMAT_UINT;
    t->colours = colours + alpha;
    t->associated = alpha && t->extra == EXTRASAMPLE_ASSOCALPHA;
    switch (t->photometric) {
    case PHOTOMETRIC_PALETTE:
        t->mode = AC_MODE_P;
        good = (t->bits == 1 || t->bits == 2 || t->bits == 4 || t->bits == 8) ||
               refuse(t, item_status, "a palette of this size is not read");
        break;
    case PHOTOMETRIC_YCBCR: good = choose_ycbcr(t, item_status); break;
    case PHOTOMETRIC_RGB:
    case PHOTOMETRIC_SEPARATED: good = choose_colour(t, alpha, item_status); break;
    default: good = choose_grey(t, alpha, item_status); break;
    }
    return good;
}
