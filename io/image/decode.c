#include "io/image/decode.h"

#include <stdbool.h>
#include <string.h>

#include "io/file/file_bytes.h"
#include "io/file/file_head.h"
#include "io/image/exif.h"
#include "io/image/formats.h"
#include "io/image/tiff_pages.h"

typedef ac_status (*decoder)(ac_image *, const unsigned char *, size_t, int64_t,
                             ac_item_status *);

/* Formats whose library may be missing: AC_HAVE_X is the library's version as a text, or not
 * defined. */
#ifdef AC_HAVE_TIFF
#define TIFF ac_tiff_decode, AC_HAVE_TIFF
#else
#define TIFF NULL, NULL
#endif
#ifdef AC_HAVE_OPENJPEG
#define JPEG2000 ac_jpeg2000_decode, AC_HAVE_OPENJPEG
#else
#define JPEG2000 NULL, NULL
#endif
#ifdef AC_HAVE_AVIF
#define AVIF ac_avif_decode, AC_HAVE_AVIF
#else
#define AVIF NULL, NULL
#endif
#ifdef AC_HAVE_HEIF
#define HEIF ac_heif_decode, AC_HAVE_HEIF
#else
#define HEIF NULL, NULL
#endif
#ifdef AC_HAVE_JXL
#define JXL ac_jxl_decode, AC_HAVE_JXL
#else
#define JXL NULL, NULL
#endif

static bool
begins(const unsigned char *bytes, size_t n, const char *with, size_t length)
{
    return n >= length && memcmp(bytes, with, length) == 0;
}

static bool
is_jpeg(const unsigned char *bytes, size_t n)
{
    return begins(bytes, n, "\xff\xd8\xff", 3);
}

static bool
is_png(const unsigned char *bytes, size_t n)
{
    return begins(bytes, n, "\x89PNG\r\n\x1a\n", 8);
}

static bool
is_webp(const unsigned char *bytes, size_t n)
{
    return n >= 12 && begins(bytes, n, "RIFF", 4) && memcmp(bytes + 8, "WEBP", 4) == 0;
}

static bool
is_gif(const unsigned char *bytes, size_t n)
{
    return begins(bytes, n, "GIF87a", 6) || begins(bytes, n, "GIF89a", 6);
}

static bool
is_bmp(const unsigned char *bytes, size_t n)
{
    return begins(bytes, n, "BM", 2);
}

static bool
is_jpeg2000(const unsigned char *bytes, size_t n)
{
    return begins(bytes, n, "\xff\x4f\xff\x51", 4) ||
           begins(bytes, n, "\0\0\0\x0cjP  \r\n\x87\n", 12);
}

static bool
is_jxl(const unsigned char *bytes, size_t n)
{
    return begins(bytes, n, "\xff\x0a", 2) || begins(bytes, n, "\0\0\0\x0cJXL \r\n\x87\n", 12);
}

/* Whether a file of boxes names one of `brands` (four letters each) in its first box, as its
 * major brand or as one that it fits. */
static bool
has_brand(const unsigned char *bytes, size_t n, const char *brands)
{
    size_t end;

    if (n < 16 || memcmp(bytes + 4, "ftyp", 4) != 0)
        return false;
    end = (size_t) bytes[0] << 24 | (size_t) bytes[1] << 16 | (size_t) bytes[2] << 8 | bytes[3];
    end = end > n ? n : end;
    for (size_t at = 8; at + 4 <= end; at += at == 8 ? 8 : 4) /* behind the major: a version */
        for (const char *brand = brands; *brand; brand += 4)
            if (memcmp(bytes + at, brand, 4) == 0)
                return true;
    return false;
}

static bool
is_avif(const unsigned char *bytes, size_t n)
{
    return has_brand(bytes, n, "avifavis");
}

static bool
is_heif(const unsigned char *bytes, size_t n)
{
    return has_brand(bytes, n, "heicheixhevchevxheimheishevmhevsmif1msf1");
}

/* By content, in this order: what HEIF's general brands are in may be AVIF. */
static const struct format {
    const char *name;
    bool (*is)(const unsigned char *, size_t);
    decoder decode;      /* NULL: not in this build */
    const char *version; /* of the library; NULL where the program has its own decoder */
    const char *library; /* where another may be built without it: its name */
    const char *package; /* and Debian's */
} formats[] = {
    { "JPEG", is_jpeg, ac_jpeg_decode, NULL, NULL, NULL },
    { "PNG", is_png, ac_png_decode, NULL, NULL, NULL },
    { "WebP", is_webp, ac_webp_decode, NULL, NULL, NULL },
    { "GIF", is_gif, ac_gif_decode, NULL, NULL, NULL },
    { "BMP", is_bmp, ac_bmp_decode, NULL, NULL, NULL },
    { "TIFF", ac_tiff_is, TIFF, "libtiff", "libtiff-dev" },
    { "JPEG 2000", is_jpeg2000, JPEG2000, "openjpeg", "libopenjp2-7-dev" },
    { "AVIF", is_avif, AVIF, "libavif", "libavif-dev" },
    { "HEIC", is_heif, HEIF, "libheif", "libheif-dev" },
    { "JPEG XL", is_jxl, JXL, "libjxl", "libjxl-dev" },
};

enum { FORMATS = sizeof formats / sizeof *formats };

static const struct format *
format_of(const unsigned char *bytes, size_t n)
{
    for (int i = 0; i < FORMATS; i++)
        if (formats[i].is(bytes, n))
            return &formats[i];
    return NULL;
}

bool
ac_image_format_at(int i, ac_image_format *out)
{
    if (i < 0 || i >= FORMATS)
        return false;
    *out = (ac_image_format){ .name = formats[i].name,
                              .library = formats[i].library,
                              .version = formats[i].version,
                              .built = formats[i].decode != NULL };
    return true;
}

const char *
ac_image_format_name(const void *bytes, size_t n)
{
    const struct format *format = format_of(bytes, n);

    return format ? format->name : NULL;
}

int64_t
ac_image_count_pages(const void *bytes, size_t n)
{
    const int64_t pages = ac_tiff_is(bytes, n) ? ac_tiff_count_pages(bytes, n) : 1;

    return pages < 1 ? 1 : pages;
}

static ac_status
decode_page(ac_image *out, const unsigned char *bytes, size_t n, int64_t page,
            const ac_preprocess_recipe *recipe, int64_t max_pixels, ac_item_status *item_status)
{
    const struct format *format = format_of(bytes, n);
    const ac_head head = format ? AC_HEAD_OTHER : ac_head_of(bytes, n);

    if (!format && (head == AC_HEAD_POINTER || head == AC_HEAD_PAGE))
        return ac_item_status_set(item_status, AC_REJECT_UNSUPPORTED_FORMAT, "%s",
                                  ac_head_describe(head));
    if (!format)
        return ac_item_status_set(item_status, AC_REJECT_UNSUPPORTED_FORMAT,
                                  "no format of images that is known, by its content");
    if (!format->decode)
        return ac_item_status_set(item_status, AC_REJECT_UNSUPPORTED_FORMAT,
                                  "%s, which this build does not read: it was built without "
                                  "%s (Debian: %s)",
                                  format->name, format->library, format->package);
    if (page == 0 && recipe && format->decode == ac_jpeg_decode)
        return ac_jpeg_decode_for(out, bytes, n, recipe, max_pixels, item_status);
    if (page == 0)
        return format->decode(out, bytes, n, max_pixels, item_status);
#ifdef AC_HAVE_TIFF
    if (format->decode == ac_tiff_decode) {
        const uint64_t at = ac_tiff_page(bytes, n, page);
        if (at)
            return ac_tiff_decode_at(out, bytes, n, at, max_pixels, item_status);
    }
#endif
    return ac_item_status_set(item_status, AC_REJECT_CORRUPT, "%s: no page %lld", format->name,
                              (long long) page + 1);
}

ac_status
ac_image_decode_for(ac_image *out, const void *bytes, size_t n, int64_t page,
                    const ac_preprocess_recipe *recipe, int64_t max_pixels,
                    ac_item_status *item_status)
{
    ac_status st;

    *out = (ac_image){ 0 };
    *item_status = (ac_item_status){ 0 };
    if (n == 0)
        return ac_item_status_set(item_status, AC_REJECT_EMPTY, "no bytes");
    st = decode_page(out, bytes, n, page, recipe, max_pixels, item_status);
    if (st != AC_OK || item_status->reason != AC_GOOD)
        ac_image_free(out);
    else if (out->orientation == 0)
        out->orientation = ac_exif_orientation(bytes, n);
    return st;
}

ac_status
ac_image_decode_page(ac_image *out, const void *bytes, size_t n, int64_t page,
                     int64_t max_pixels, ac_item_status *item_status)
{
    return ac_image_decode_for(out, bytes, n, page, NULL, max_pixels, item_status);
}

ac_status
ac_image_read_size(const void *bytes, size_t n, int64_t page, int64_t max_pixels,
                   int64_t *width, int64_t *height, ac_item_status *item_status)
{
    ac_image image;
    ac_status st =
        ac_image_decode_page(&image, bytes, n, page, AC_IMAGE_SIZE_ONLY, item_status);

    *width = image.width;
    *height = image.height;
    ac_image_free(&image);
    if (st == AC_OK && ac_image_size_read(item_status, width, height)) {
        *item_status = (ac_item_status){ 0 };
        (void) ac_image_check_size(*width, *height, max_pixels, item_status);
    }
    return st;
}

ac_status
ac_image_decode(ac_image *out, const void *bytes, size_t n, int64_t max_pixels,
                ac_item_status *item_status)
{
    return ac_image_decode_page(out, bytes, n, 0, max_pixels, item_status);
}

ac_status
ac_image_read_file_for(ac_image *out, const char *path, const ac_preprocess_recipe *recipe,
                       int64_t max_pixels, ac_item_status *item_status)
{
    ac_buffer bytes = { 0 };
    ac_status st = AC_OK;

    *out = (ac_image){ 0 };
    AC_TRY(ac_file_bytes(&bytes, path, item_status));
    if (item_status->reason == AC_GOOD)
        st = ac_image_decode_for(out, bytes.data, bytes.size, 0, recipe, max_pixels,
                                 item_status);
out:
    ac_buffer_free(&bytes);
    return st;
}

ac_status
ac_image_read_file(ac_image *out, const char *path, int64_t max_pixels,
                   ac_item_status *item_status)
{
    return ac_image_read_file_for(out, path, NULL, max_pixels, item_status);
}
