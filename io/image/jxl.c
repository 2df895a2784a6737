/* JPEG XL by libjxl, as pillow_jxl reads it: 8 bits, grey of more as it is; a JPEG that was
 * recompressed is made again and decoded as the JPEG it was. */
#include <stdlib.h>
#include <string.h>

#include <jxl/decode.h>

#include "engine/base/memory.h"
#include "io/image/exif.h"
#include "io/image/formats.h"

enum { JPEG_BYTES = 1 << 16 };

typedef struct jxl {
    JxlDecoder *decoder;
    JxlBasicInfo info;
    uint8_t *samples; /* wide ones of colour, before they are cut to bytes; owned */
    JxlPixelFormat format;
    uint8_t *jpeg; /* owned */
    size_t jpeg_room;
} jxl;

static void
choose_format(jxl *x, ac_image_mode *mode)
{
    const bool grey = x->info.num_color_channels == 1, alpha = x->info.alpha_bits > 0,
               real = x->info.exponent_bits_per_sample > 0;

    x->format.num_channels = x->info.num_color_channels + alpha;
    x->format.data_type = real                          ? JXL_TYPE_FLOAT
                          : x->info.bits_per_sample > 8 ? JXL_TYPE_UINT16
                                                        : JXL_TYPE_UINT8;
    x->format.endianness = JXL_NATIVE_ENDIAN;
    *mode = grey ? alpha ? AC_MODE_LA : AC_MODE_L : alpha ? AC_MODE_RGBA : AC_MODE_RGB;
    if (*mode == AC_MODE_L && x->format.data_type != JXL_TYPE_UINT8)
        *mode = real ? AC_MODE_F : AC_MODE_I16;
}

/* The buffer that libjxl writes to: the image's own, or one of wider samples. */
static ac_status
give_buffer(jxl *x, ac_image *out, int64_t max_pixels, ac_item_status *item_status)
{
    ac_image_mode mode;
    size_t sample, bytes, wanted = 0;
    void *buffer;
    ac_status st;

    choose_format(x, &mode);
    st = ac_image_allocate(out, mode, x->info.xsize, x->info.ysize, max_pixels, item_status);
    if (st != AC_OK || item_status->reason != AC_GOOD)
        return st;
    buffer = out->pixels;
    sample = x->format.data_type == JXL_TYPE_FLOAT    ? 4
             : x->format.data_type == JXL_TYPE_UINT16 ? 2
                                                      : 1;
    bytes = (size_t) (out->width * out->height) * x->format.num_channels * sample;
    if (sample > 1 && !ac_image_mode_is_wide(mode)) {
        st = ac_alloc(&x->samples, (int64_t) bytes, 1);
        if (st != AC_OK)
            return st;
        buffer = x->samples;
    }
    if (JxlDecoderImageOutBufferSize(x->decoder, &x->format, &wanted) != JXL_DEC_SUCCESS ||
        wanted != bytes ||
        JxlDecoderSetImageOutBuffer(x->decoder, &x->format, buffer, bytes) != JXL_DEC_SUCCESS)
        ac_item_status_set(item_status, AC_REJECT_CORRUPT, "JPEG XL: cannot be decoded");
    return AC_OK;
}

/* Of 16 bits the high byte, of a float 255 times as much, cut. */
static void
cut_to_bytes(const jxl *x, ac_image *out)
{
    const int64_t n = out->width * out->height * ac_image_channels(out->mode);

    for (int64_t i = 0; x->samples && i < n; i++) {
        uint16_t word;
        float real;
        if (x->format.data_type == JXL_TYPE_UINT16) {
            memcpy(&word, x->samples + 2 * i, sizeof word);
            out->pixels[i] = (uint8_t) (word >> 8);
        } else {
            memcpy(&real, x->samples + 4 * i, sizeof real);
            real *= 255;
            out->pixels[i] = (uint8_t) (real >= 255 ? 255 : real > 0 ? (int) real : 0);
        }
    }
}

/* More room for the JPEG; its first `used` bytes stay. */
static ac_status
grow_jpeg(jxl *x, size_t n)
{
    const size_t used = x->jpeg ? x->jpeg_room - JxlDecoderReleaseJPEGBuffer(x->decoder) : 0;
    const size_t room = x->jpeg_room ? 2 * x->jpeg_room : JPEG_BYTES + n;
    uint8_t *grown = realloc(x->jpeg, room);

    if (!grown)
        return ac_error_set(AC_E_NOMEM, "out of memory for a JPEG of %zu bytes", room);
    x->jpeg = grown;
    x->jpeg_room = room;
    if (JxlDecoderSetJPEGBuffer(x->decoder, grown + used, room - used) != JXL_DEC_SUCCESS)
        return ac_error_set(AC_E_NOMEM, "out of memory for a JPEG");
    return AC_OK;
}

static ac_status
decode_jpeg(jxl *x, ac_image *out, int64_t max_pixels, ac_item_status *item_status)
{
    const size_t n = x->jpeg_room - JxlDecoderReleaseJPEGBuffer(x->decoder);
    ac_status st = ac_jpeg_decode(out, x->jpeg, n, max_pixels, item_status);

    if (st == AC_OK && item_status->reason == AC_GOOD)
        out->orientation = ac_exif_orientation(x->jpeg, n);
    return st;
}

/* Until the first frame is whole. Turning is libjxl's, so nothing is left to EXIF. */
static ac_status
decode(jxl *x, ac_image *out, size_t n, int64_t max_pixels, ac_item_status *item_status)
{
    ac_status st = AC_OK;

    while (st == AC_OK && item_status->reason == AC_GOOD) {
        switch (JxlDecoderProcessInput(x->decoder)) {
        case JXL_DEC_BASIC_INFO:
            if (JxlDecoderGetBasicInfo(x->decoder, &x->info) != JXL_DEC_SUCCESS)
                return ac_item_status_set(item_status, AC_REJECT_CORRUPT, "JPEG XL: no header");
            ac_image_check_size(x->info.xsize, x->info.ysize, max_pixels, item_status);
            break;
        case JXL_DEC_JPEG_RECONSTRUCTION:
        case JXL_DEC_JPEG_NEED_MORE_OUTPUT: st = grow_jpeg(x, n); break;
        case JXL_DEC_NEED_IMAGE_OUT_BUFFER:
            st = give_buffer(x, out, max_pixels, item_status);
            break;
        case JXL_DEC_FULL_IMAGE:
            if (x->jpeg)
                return decode_jpeg(x, out, max_pixels, item_status);
            cut_to_bytes(x, out);
            out->orientation = 1;
            return AC_OK;
        case JXL_DEC_NEED_MORE_INPUT:
            return ac_item_status_set(item_status, AC_REJECT_TRUNCATED,
                                      "JPEG XL: ends before its last pixel");
        default:
            return ac_item_status_set(item_status, AC_REJECT_CORRUPT,
                                      "JPEG XL: cannot be decoded");
        }
    }
    return st;
}

ac_status
ac_jxl_decode(ac_image *out, const unsigned char *bytes, size_t n, int64_t max_pixels,
              ac_item_status *item_status)
{
    jxl x = { .decoder = JxlDecoderCreate(NULL) };
    ac_status st = AC_OK;

    if (!x.decoder)
        return ac_error_set(AC_E_NOMEM, "out of memory for a JPEG XL");
    if (JxlDecoderSubscribeEvents(x.decoder, JXL_DEC_BASIC_INFO | JXL_DEC_FULL_IMAGE |
                                                 JXL_DEC_JPEG_RECONSTRUCTION) !=
            JXL_DEC_SUCCESS ||
        JxlDecoderSetInput(x.decoder, bytes, n) != JXL_DEC_SUCCESS)
        ac_item_status_set(item_status, AC_REJECT_CORRUPT, "JPEG XL: cannot be decoded");
    else
        st = decode(&x, out, n, max_pixels, item_status);
    JxlDecoderDestroy(x.decoder);
    free(x.samples);
    free(x.jpeg);
    return st;
}
