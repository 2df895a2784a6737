/* HEIC by libheif: the primary image in 8 bits. Turning (irot, imir) is part of decoding, as in
 * pillow_heif, so its EXIF orientation does not count. */
#include <string.h>

#include <libheif/heif.h>

#include "io/image/formats.h"

static ac_status
reject(ac_item_status *item_status, struct heif_error error)
{
    const bool cut = error.subcode == heif_suberror_End_of_data;
    const bool unsupported = error.code == heif_error_Unsupported_filetype ||
                             error.code == heif_error_Unsupported_feature;

    return ac_item_status_set(item_status,
                              cut           ? AC_REJECT_TRUNCATED
                              : unsupported ? AC_REJECT_UNSUPPORTED_FORMAT
                                            : AC_REJECT_CORRUPT,
                              "HEIC: %.180s", error.message ? error.message : "");
}

/* Whether every coded image in the file is grey: hvcC's chroma format is 0. libheif 1.15 does
 * not tell it of an image before that is decoded. */
static bool
is_all_grey(const unsigned char *bytes, size_t n)
{
    bool seen = false;

    for (size_t at = 0; at + 21 <= n; at++) {
        const unsigned char *found = memchr(bytes + at, 'h', n - at - 20);
        if (!found)
            break;
        at = (size_t) (found - bytes);
        if (memcmp(found, "hvcC", 4) != 0)
            continue;
        if (found[4 + 16] & 3)
            return false;
        seen = true;
    }
    return seen;
}

static ac_status
copy_rows(ac_image *out, struct heif_image *image, enum heif_channel channel,
          ac_image_mode mode, int64_t max_pixels, ac_item_status *item_status)
{
    int stride = 0;
    const uint8_t *rows = heif_image_get_plane_readonly(image, channel, &stride);
    const int width = heif_image_get_width(image, channel),
              height = heif_image_get_height(image, channel);
    size_t bytes;
    ac_status st;

    st = ac_image_allocate(out, mode, width, height, max_pixels, item_status);
    if (st != AC_OK || item_status->reason != AC_GOOD)
        return st;
    bytes = (size_t) width * (size_t) ac_image_channels(mode);
    if (!rows || stride < 0 || (size_t) stride < bytes)
        return ac_item_status_set(item_status, AC_REJECT_CORRUPT, "HEIC: no pixels");
    for (int y = 0; y < height; y++)
        memcpy(out->pixels + (size_t) y * bytes, rows + (size_t) y * (size_t) stride, bytes);
    out->orientation = 1;
    return AC_OK;
}

static ac_status
decode(ac_image *out, struct heif_image_handle *handle, bool grey, int64_t max_pixels,
       ac_item_status *item_status)
{
    const bool alpha = heif_image_handle_has_alpha_channel(handle);
    const ac_image_mode mode = alpha ? AC_MODE_RGBA : grey ? AC_MODE_L : AC_MODE_RGB;
    struct heif_decoding_options *options = heif_decoding_options_alloc();
    struct heif_image *image = NULL;
    struct heif_error error;
    ac_status st = AC_OK;

    if (!options)
        return ac_error_set(AC_E_NOMEM, "out of memory for a HEIC");
    options->convert_hdr_to_8bit = 1;
    error = heif_decode_image(
        handle, &image, mode == AC_MODE_L ? heif_colorspace_monochrome : heif_colorspace_RGB,
        mode == AC_MODE_L      ? heif_chroma_monochrome
        : mode == AC_MODE_RGBA ? heif_chroma_interleaved_RGBA
                               : heif_chroma_interleaved_RGB,
        options);
    heif_decoding_options_free(options);
    if (error.code != heif_error_Ok)
        reject(item_status, error);
    else
        st =
            copy_rows(out, image, mode == AC_MODE_L ? heif_channel_Y : heif_channel_interleaved,
                      mode, max_pixels, item_status);
    if (st == AC_OK && item_status->reason == AC_GOOD && alpha &&
        heif_image_handle_is_premultiplied_alpha(handle))
        ac_image_divide_by_alpha(out->pixels, out->width * out->height, 4);
    if (image)
        heif_image_release(image);
    return st;
}

/* The image's size, and the size before it is cropped, which is what gets decoded: some codecs
 * round it up to blocks. */
static bool
is_size_allowed(const struct heif_image_handle *handle, int64_t max_pixels,
                ac_item_status *item_status)
{
    const int64_t width = heif_image_handle_get_width(handle),
                  height = heif_image_handle_get_height(handle), block = 64;

    return ac_image_check_size(width, height, max_pixels, item_status) &&
           ac_image_check_size(heif_image_handle_get_ispe_width(handle),
                               heif_image_handle_get_ispe_height(handle),
                               max_pixels + block * (width + height + block), item_status);
}

ac_status
ac_heif_decode(ac_image *out, const unsigned char *bytes, size_t n, int64_t max_pixels,
               ac_item_status *item_status)
{
    struct heif_context *context = heif_context_alloc();
    struct heif_image_handle *handle = NULL;
    struct heif_error error;
    ac_status st = AC_OK;

    if (!context)
        return ac_error_set(AC_E_NOMEM, "out of memory for a HEIC");
    heif_context_set_max_decoding_threads(context, 0);
    error = heif_context_read_from_memory_without_copy(context, bytes, n, NULL);
    if (error.code == heif_error_Ok)
        error = heif_context_get_primary_image_handle(context, &handle);
    if (error.code != heif_error_Ok)
        reject(item_status, error);
    else if (is_size_allowed(handle, max_pixels, item_status))
        st = decode(out, handle, is_all_grey(bytes, n), max_pixels, item_status);
    if (handle)
        heif_image_handle_release(handle);
    heif_context_free(context);
    return st;
}
