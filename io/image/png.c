/* PNG by libpng, in Pillow's modes: 2 and 4 bit grey scaled, 1 bit as mode 1, palettes kept,
 * 16-bit colour cut to its high byte. */
#include <png.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "io/image/formats.h"

typedef struct source {
    const unsigned char *bytes;
    size_t n, at;
    bool ended;
    png_bytep *rows; /* here, so that a jump does not lose it */
    char message[120];
    jmp_buf jump;
} source;

static void
on_read(png_structp png, png_bytep to, size_t n)
{
    source *s = png_get_io_ptr(png);

    if (n > s->n - s->at) {
        s->ended = true;
        png_error(png, "the file ends too early");
    }
    memcpy(to, s->bytes + s->at, n);
    s->at += n;
}

static void
on_error(png_structp png, png_const_charp message)
{
    source *s = png_get_error_ptr(png);

    strncpy(s->message, message, sizeof s->message - 1);
    longjmp(s->jump, 1);
}

static void
on_warning(png_structp png, png_const_charp message)
{
    (void) png;
    (void) message;
}

static ac_image_mode
choose_mode(png_structp png, png_infop info)
{
    const int depth = png_get_bit_depth(png, info);

    switch (png_get_color_type(png, info)) {
    case PNG_COLOR_TYPE_GRAY:
        if (depth == 16) {
            png_set_swap(png);
            return AC_MODE_I16;
        }
        if (depth < 8)
            png_set_expand_gray_1_2_4_to_8(png);
        return depth == 1 ? AC_MODE_1 : AC_MODE_L;
    case PNG_COLOR_TYPE_GRAY_ALPHA: png_set_strip_16(png); return AC_MODE_LA;
    case PNG_COLOR_TYPE_PALETTE: png_set_packing(png); return AC_MODE_P;
    case PNG_COLOR_TYPE_RGB: png_set_strip_16(png); return AC_MODE_RGB;
    default: png_set_strip_16(png); return AC_MODE_RGBA;
    }
}

static void
read_palette(png_structp png, png_infop info, ac_image *out)
{
    png_colorp colours;
    int n = 0;

    png_get_PLTE(png, info, &colours, &n);
    for (int i = 0; i < n && i < 256; i++) {
        out->palette[i][0] = colours[i].red;
        out->palette[i][1] = colours[i].green;
        out->palette[i][2] = colours[i].blue;
    }
}

/* What stands beside the pixels is passed over unread: libpng would unpack a thousand texts of
 * 8 MB each from as many blocks of 8 kB. */
static void
pass_over_texts(png_structp png)
{
#ifdef PNG_HANDLE_AS_UNKNOWN_SUPPORTED
    static const png_byte names[] =
        "iCCP\0zTXt\0iTXt\0tEXt\0sPLT\0eXIf\0hIST\0pCAL\0sCAL\0tIME";

    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, names, sizeof names / 5);
#else
    (void) png;
#endif
}

static uint32_t
big_endian(const unsigned char *p)
{
    return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16 | (uint32_t) p[2] << 8 | p[3];
}

/* How many bytes the chunks IDAT say that they hold. */
static uint64_t
count_data(const source *s)
{
    enum { SIGNATURE = 8, FRAME = 12 /* length, name, checksum */ };
    uint64_t sum = 0;

    for (size_t at = SIGNATURE, size; s->n - at >= FRAME; at += size) {
        const uint32_t length = big_endian(s->bytes + at);
        if (memcmp(s->bytes + at + 4, "IDAT", 4) == 0)
            sum += length;
        size = (size_t) length + FRAME;
        if (size > s->n - at)
            break;
    }
    return sum;
}

/* libpng unpacks what lies behind the last row too, a thousand bytes for each: a file may hold
 * no more than rows take that are not compressed at all, each in a block of its own. */
static bool
has_only_rows(const source *s, png_structp png, png_infop info)
{
    enum { BLOCK = 16, SLACK = 1 << 16 };
    const uint64_t row = png_get_rowbytes(png, info) + BLOCK,
                   rows = row * png_get_image_height(png, info);

    return count_data(s) <= rows + rows / 4 + SLACK;
}

static ac_status
decode(png_structp png, png_infop info, ac_image *out, int64_t max_pixels,
       ac_item_status *item_status, source *s)
{
    ac_image_mode mode;
    ac_status st;
    size_t row;
    bool fits;

    png_set_user_limits(png, 0x7fffffff, 0x7fffffff);
    pass_over_texts(png);
    png_read_info(png, info);
    fits = has_only_rows(s, png, info);
    mode = choose_mode(png, info);
    st = ac_image_allocate(out, mode, png_get_image_width(png, info),
                           png_get_image_height(png, info), max_pixels, item_status);
    if (st != AC_OK || item_status->reason != AC_GOOD)
        return st;
    if (!fits)
        return ac_item_status_set(item_status, AC_REJECT_TOO_LARGE,
                                  "PNG: far more data than its pixels take");
    if (mode == AC_MODE_P)
        read_palette(png, info, out);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
    row = (size_t) out->width * (size_t) ac_image_pixel_bytes(mode);
    AC_CHECK(png_get_rowbytes(png, info) == row);
    st = ac_alloc(&s->rows, out->height, sizeof *s->rows);
    if (st != AC_OK)
        return st;
    for (int64_t y = 0; y < out->height; y++)
        s->rows[y] = out->pixels + (size_t) y * row;
    png_read_image(png, s->rows);
    png_read_end(png, NULL);
    return AC_OK;
}

ac_status
ac_png_decode(ac_image *out, const unsigned char *bytes, size_t n, int64_t max_pixels,
              ac_item_status *item_status)
{
    source s = { .bytes = bytes, .n = n };
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &s, on_error, on_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    ac_status st;

    if (!info) {
        png_destroy_read_struct(&png, NULL, NULL);
        return ac_error_set(AC_E_NOMEM, "out of memory for a PNG");
    }
    if (setjmp(s.jump)) {
        png_destroy_read_struct(&png, &info, NULL);
        free(s.rows);
        return ac_item_status_set(item_status,
                                  s.ended ? AC_REJECT_TRUNCATED : AC_REJECT_CORRUPT, "PNG: %s",
                                  s.message);
    }
    png_set_read_fn(png, &s, on_read);
    st = decode(png, info, out, max_pixels, item_status, &s);
    png_destroy_read_struct(&png, &info, NULL);
    free(s.rows);
    return st;
}
