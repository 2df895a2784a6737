#include "io/image/decode.h"

#include <stdbool.h>
#include <string.h>

#include "io/image/exif.h"
#include "io/image/formats.h"
#include "io/file/file_bytes.h"

static bool
begins(const unsigned char *bytes, size_t n, const char *with, size_t length)
{
    return n >= length && memcmp(bytes, with, length) == 0;
}

ac_status
ac_image_decode(ac_image *out, const void *data, size_t n, int64_t max_pixels,
                ac_item_status *item_status)
{
    const unsigned char *bytes = data;
    ac_status st = AC_OK;

    *out = (ac_image){ 0 };
    *item_status = (ac_item_status){ 0 };
    if (n == 0)
        return ac_item_status_set(item_status, AC_REJECT_EMPTY, "no bytes");
    if (begins(bytes, n, "\xff\xd8\xff", 3))
        st = ac_jpeg_decode(out, bytes, n, max_pixels, item_status);
    else if (begins(bytes, n, "\x89PNG\r\n\x1a\n", 8))
        st = ac_png_decode(out, bytes, n, max_pixels, item_status);
    else if (n >= 12 && begins(bytes, n, "RIFF", 4) && memcmp(bytes + 8, "WEBP", 4) == 0)
        st = ac_webp_decode(out, bytes, n, max_pixels, item_status);
    else if (begins(bytes, n, "BM", 2))
        st = ac_bmp_decode(out, bytes, n, max_pixels, item_status);
    else
        ac_item_status_set(item_status, AC_REJECT_UNSUPPORTED_FORMAT,
                           "neither JPEG, PNG, BMP nor WebP by its content");
    if (st != AC_OK || item_status->reason != AC_GOOD)
        ac_image_free(out);
    else
        out->orientation = ac_exif_orientation(bytes, n);
    return st;
}

ac_status
ac_image_read_file(ac_image *out, const char *path, int64_t max_pixels,
                   ac_item_status *item_status)
{
    ac_buffer bytes = { 0 };
    ac_status st = AC_OK;

    *out = (ac_image){ 0 };
    AC_TRY(ac_file_bytes(&bytes, path, item_status));
    if (item_status->reason == AC_GOOD)
        st = ac_image_decode(out, bytes.data, bytes.size, max_pixels, item_status);
out:
    ac_buffer_free(&bytes);
    return st;
}
