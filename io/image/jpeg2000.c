/* JPEG 2000 by OpenJPEG, as Pillow reads it: palettes stay palettes, channels stay in their
 * order, more than 8 bits are rounded, fewer are shifted up. */
#include <stdio.h>
#include <string.h>

#include <openjpeg.h>

#include "io/image/formats.h"
#include "io/image/jp2_header.h"

typedef struct source {
    const unsigned char *bytes;
    size_t n, at;
    char message[160];
} source;

static OPJ_SIZE_T
on_read(void *to, OPJ_SIZE_T n, void *data)
{
    source *s = data;
    const size_t count = n < s->n - s->at ? n : s->n - s->at;

    memcpy(to, s->bytes + s->at, count);
    s->at += count;
    return count ? count : (OPJ_SIZE_T) -1;
}

static OPJ_OFF_T
on_skip(OPJ_OFF_T n, void *data)
{
    source *s = data;

    if (n < 0 || (size_t) n > s->n - s->at) {
        s->at = s->n;
        return -1;
    }
    s->at += (size_t) n;
    return n;
}

static OPJ_BOOL
on_seek(OPJ_OFF_T to, void *data)
{
    source *s = data;

    if (to < 0 || (size_t) to > s->n)
        return OPJ_FALSE;
    s->at = (size_t) to;
    return OPJ_TRUE;
}

static void
on_error(const char *message, void *data)
{
    source *s = data;

    if (!s->message[0])
        snprintf(s->message, sizeof s->message, "%.*s", (int) strcspn(message, "\n"), message);
}

static void
on_message(const char *message, void *data)
{
    (void) message;
    (void) data;
}

static opj_stream_t *
open_stream(source *s)
{
    opj_stream_t *stream = opj_stream_create(1 << 16, OPJ_TRUE);

    if (!stream)
        return NULL;
    opj_stream_set_read_function(stream, on_read);
    opj_stream_set_skip_function(stream, on_skip);
    opj_stream_set_seek_function(stream, on_seek);
    opj_stream_set_user_data(stream, s, NULL);
    opj_stream_set_user_data_length(stream, s->n);
    return stream;
}

/* A sample as a number of `bits` bits from 0: rounded or shifted up. */
static int64_t
scaled(const opj_image_comp_t *c, int64_t v, int bits)
{
    const int shift = bits - (int) c->prec;
    int64_t most = (1 << bits) - 1;

    v += c->sgnd ? (int64_t) 1 << (c->prec - 1) : 0;
    v = shift < 0 ? (v + ((int64_t) 1 << (-shift - 1))) >> -shift : v * (1 << shift);
    return v < 0 ? 0 : v > most ? most : v;
}

/* Component c of pixel (x, y); one with fewer samples gives each to several pixels. */
static int64_t
sample_at(const opj_image_t *image, int c, int64_t x, int64_t y)
{
    const opj_image_comp_t *k = &image->comps[c];
    int64_t column = x / k->dx, row = y / k->dy;

    column = column < k->w ? column : k->w - 1;
    row = row < k->h ? row : k->h - 1;
    return k->data[row * k->w + column];
}

/* Colour with fewer samples than the first component is YCbCr, whether it is said or not. */
static bool
is_subsampled(const opj_image_t *image)
{
    return image->numcomps >= 3 && (image->comps[1].dx != image->comps[0].dx ||
                                    image->comps[1].dy != image->comps[0].dy);
}

static void
store(const opj_image_t *image, const ac_jp2_header *header, ac_image *out)
{
    const int channels = ac_image_channels(out->mode);
    const bool ycc = header->ycc || is_subsampled(image);
    uint8_t *to = out->pixels;

    for (int64_t y = 0; y < out->height; y++)
        for (int64_t x = 0; x < out->width; x++) {
            if (out->mode == AC_MODE_I16) {
                const uint16_t v =
                    (uint16_t) scaled(&image->comps[0], sample_at(image, 0, x, y), 16);
                memcpy(to, &v, sizeof v);
                to += 2;
                continue;
            }
            for (int c = 0; c < channels; c++) {
                const int64_t v = sample_at(image, c, x, y);
                to[c] = (uint8_t) (out->mode == AC_MODE_P ? v : scaled(&image->comps[c], v, 8));
            }
            if (ycc)
                ac_image_ycbcr_to_rgb(to, to);
            to += channels;
        }
}

/* What OpenJPEG made fits what the header said: sizes, precision, all samples there. */
static bool
fits(const opj_image_t *image, const ac_jp2_header *header)
{
    if (image->numcomps != (OPJ_UINT32) header->components)
        return false;
    for (OPJ_UINT32 c = 0; c < image->numcomps; c++) {
        const opj_image_comp_t *k = &image->comps[c];
        if (!k->data || k->w < 1 || k->h < 1 || k->dx < 1 || k->dy < 1 || k->prec < 1 ||
            k->prec > 31)
            return false;
    }
    return image->x1 - image->x0 == (OPJ_UINT32) header->width &&
           image->y1 - image->y0 == (OPJ_UINT32) header->height;
}

/* OpenJPEG's image, NULL with its message. */
static opj_image_t *
decode(source *s, bool boxes)
{
    opj_stream_t *stream = open_stream(s);
    opj_codec_t *codec = opj_create_decompress(boxes ? OPJ_CODEC_JP2 : OPJ_CODEC_J2K);
    opj_image_t *image = NULL;
    opj_dparameters_t parameters;
    bool good = stream && codec;

    if (good) {
        opj_set_default_decoder_parameters(&parameters);
        parameters.flags |= OPJ_DPARAMETERS_IGNORE_PCLR_CMAP_CDEF_FLAG;
        opj_set_error_handler(codec, on_error, s);
        opj_set_warning_handler(codec, on_message, s);
        opj_set_info_handler(codec, on_message, s);
        good = opj_setup_decoder(codec, &parameters) &&
               opj_decoder_set_strict_mode(codec, OPJ_TRUE) &&
               opj_read_header(stream, codec, &image) && opj_decode(codec, stream, image) &&
               opj_end_decompress(codec, stream);
    }
    if (!good && image) {
        opj_image_destroy(image);
        image = NULL;
    }
    if (codec)
        opj_destroy_codec(codec);
    if (stream)
        opj_stream_destroy(stream);
    return image;
}

ac_status
ac_jpeg2000_decode(ac_image *out, const unsigned char *bytes, size_t n, int64_t max_pixels,
                   ac_item_status *item_status)
{
    ac_jp2_header header = { 0 };
    source s = { .bytes = bytes, .n = n };
    opj_image_t *image;
    ac_status st;

    if (!ac_jp2_read_header(&header, bytes, n, item_status) ||
        !ac_image_check_size(header.width, header.height, max_pixels, item_status))
        return AC_OK;
    image = decode(&s, bytes[0] == 0);
    if (!image)
        return ac_item_status_set(item_status, AC_REJECT_CORRUPT, "JPEG 2000: %s",
                                  s.message[0] ? s.message : "cannot be decoded");
    if (!fits(image, &header)) {
        opj_image_destroy(image);
        return ac_item_status_set(item_status, AC_REJECT_CORRUPT,
                                  "JPEG 2000: header and pixels do not fit together");
    }
    st = ac_image_allocate(out, header.mode, header.width, header.height, max_pixels,
                           item_status);
    if (st == AC_OK && item_status->reason == AC_GOOD) {
        memcpy(out->palette, header.palette, sizeof out->palette);
        store(image, &header, out);
    }
    opj_image_destroy(image);
    return st;
}
