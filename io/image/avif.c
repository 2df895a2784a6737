/* AVIF by libavif, as Pillow reads it: the first frame in 8 bits. Turning (irot, imir) is not
 * applied; it is handed on as an EXIF orientation. */
#include <string.h>

#include <avif/avif.h>

#include "io/image/formats.h"

/* The EXIF orientation of irot (quarter turns against the clock) and then imir (0: top and
 * bottom exchanged, 1: left and right). */
static int
orientation_of(const avifImage *image)
{
    static const int8_t turned[4] = { 1, 8, 3, 6 },
                        mirrored[2][4] = { { 4, 5, 2, 7 }, { 2, 7, 4, 5 } };
    const int turns = image->transformFlags & AVIF_TRANSFORM_IROT ? image->irot.angle & 3 : 0;
#if AVIF_VERSION_MAJOR >= 1
    const int axis = image->imir.axis & 1;
#else
    const int axis = image->imir.mode & 1;
#endif

    return image->transformFlags & AVIF_TRANSFORM_IMIR ? mirrored[axis][turns] : turned[turns];
}

static ac_status
reject(ac_item_status *item_status, avifResult result)
{
    const bool cut = result == AVIF_RESULT_TRUNCATED_DATA;
    const bool unsupported = result == AVIF_RESULT_NO_CODEC_AVAILABLE ||
                             result == AVIF_RESULT_UNSUPPORTED_DEPTH ||
                             result == AVIF_RESULT_NOT_IMPLEMENTED;

    return ac_item_status_set(item_status,
                              cut           ? AC_REJECT_TRUNCATED
                              : unsupported ? AC_REJECT_UNSUPPORTED_FORMAT
                                            : AC_REJECT_CORRUPT,
                              "AVIF: %s", avifResultToString(result));
}

/* The red of RGB pixels, all of whose channels are equal. */
static void
keep_grey(ac_image *out)
{
    for (int64_t i = 0; i < out->width * out->height; i++)
        out->pixels[i] = out->pixels[3 * i];
    out->mode = AC_MODE_L;
}

static ac_status
decode(avifDecoder *decoder, ac_image *out, int64_t max_pixels, ac_item_status *item_status)
{
    const avifImage *image = decoder->image;
    avifRGBImage rgb;
    avifResult result;
    ac_status st;

    if (!ac_image_check_size(image->width, image->height, max_pixels, item_status))
        return AC_OK;
    result = avifDecoderNextImage(decoder);
    if (result != AVIF_RESULT_OK)
        return reject(item_status, result);
    st = ac_image_allocate(out, decoder->alphaPresent ? AC_MODE_RGBA : AC_MODE_RGB,
                           image->width, image->height, max_pixels, item_status);
    if (st != AC_OK || item_status->reason != AC_GOOD)
        return st;
    avifRGBImageSetDefaults(&rgb, image);
    rgb.depth = 8;
    rgb.format = decoder->alphaPresent ? AVIF_RGB_FORMAT_RGBA : AVIF_RGB_FORMAT_RGB;
    rgb.pixels = out->pixels;
    rgb.rowBytes = (uint32_t) (out->width * ac_image_channels(out->mode));
    result = avifImageYUVToRGB(image, &rgb);
    if (result != AVIF_RESULT_OK)
        return reject(item_status, result);
    if (image->yuvFormat == AVIF_PIXEL_FORMAT_YUV400 && !decoder->alphaPresent)
        keep_grey(out);
    out->orientation = orientation_of(image);
    return AC_OK;
}

ac_status
ac_avif_decode(ac_image *out, const unsigned char *bytes, size_t n, int64_t max_pixels,
               ac_item_status *item_status)
{
    avifDecoder *decoder = avifDecoderCreate();
    avifResult result;
    ac_status st = AC_OK;

    if (!decoder)
        return ac_error_set(AC_E_NOMEM, "out of memory for an AVIF");
    /* files of older writers, as Pillow takes them */
    decoder->strictFlags &=
        ~(avifStrictFlags) (AVIF_STRICT_CLAP_VALID | AVIF_STRICT_PIXI_REQUIRED);
    decoder->ignoreExif = decoder->ignoreXMP = AVIF_TRUE;
    if (max_pixels >= 0 && max_pixels < decoder->imageSizeLimit)
        decoder->imageSizeLimit = (uint32_t) max_pixels;
    result = avifDecoderSetIOMemory(decoder, bytes, n);
    if (result == AVIF_RESULT_OK)
        result = avifDecoderParse(decoder);
    if (result == AVIF_RESULT_OK)
        st = decode(decoder, out, max_pixels, item_status);
    else
        reject(item_status, result);
    avifDecoderDestroy(decoder);
    return st;
}
