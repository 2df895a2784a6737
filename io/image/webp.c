/* WebP by libwebp; of an animation the first frame. */
#include <string.h>
#include <webp/decode.h>
#include <webp/demux.h>

#include "io/image/formats.h"

static bool
decode_into(ac_image *out, const unsigned char *bytes, size_t n)
{
    const int stride = (int) (out->width * ac_image_channels(out->mode));
    const size_t room = (size_t) stride * (size_t) out->height;

    if (out->mode == AC_MODE_RGBA)
        return WebPDecodeRGBAInto(bytes, n, out->pixels, room, stride) != NULL;
    return WebPDecodeRGBInto(bytes, n, out->pixels, room, stride) != NULL;
}

static ac_status
decode_animation(ac_image *out, const unsigned char *bytes, size_t n, int64_t max_pixels,
                 ac_item_status *item_status, const WebPBitstreamFeatures *f)
{
    const WebPData data = { bytes, n };
    WebPAnimDecoderOptions options;
    WebPAnimDecoder *decoder;
    uint8_t *frame;
    int time;
    ac_status st = ac_image_allocate(out, f->has_alpha ? AC_MODE_RGBA : AC_MODE_RGB, f->width,
                                     f->height, max_pixels, item_status);

    if (st != AC_OK || item_status->reason != AC_GOOD)
        return st;
    WebPAnimDecoderOptionsInit(&options);
    decoder = WebPAnimDecoderNew(&data, &options);
    if (!decoder || !WebPAnimDecoderGetNext(decoder, &frame, &time))
        ac_item_status_set(item_status, AC_REJECT_CORRUPT,
                           "WebP: the animation's first frame cannot be decoded");
    else if (f->has_alpha)
        memcpy(out->pixels, frame, (size_t) (out->width * out->height) * 4);
    else
        ac_image_to_rgb(out->pixels, frame, out->width * out->height, AC_MODE_RGBA, NULL);
    WebPAnimDecoderDelete(decoder);
    return AC_OK;
}

ac_status
ac_webp_decode(ac_image *out, const unsigned char *bytes, size_t n, int64_t max_pixels,
               ac_item_status *item_status)
{
    WebPBitstreamFeatures f;
    VP8StatusCode code = WebPGetFeatures(bytes, n, &f);
    ac_status st;

    if (code != VP8_STATUS_OK)
        return ac_item_status_set(item_status,
                                  code == VP8_STATUS_NOT_ENOUGH_DATA ? AC_REJECT_TRUNCATED
                                                                     : AC_REJECT_CORRUPT,
                                  "WebP: the header is not whole");
    if (f.has_animation)
        return decode_animation(out, bytes, n, max_pixels, item_status, &f);
    st = ac_image_allocate(out, f.has_alpha ? AC_MODE_RGBA : AC_MODE_RGB, f.width, f.height,
                           max_pixels, item_status);
    if (st == AC_OK && item_status->reason == AC_GOOD && !decode_into(out, bytes, n))
        ac_item_status_set(item_status, AC_REJECT_CORRUPT,
                           "WebP: cannot be decoded to its end");
    return st;
}
