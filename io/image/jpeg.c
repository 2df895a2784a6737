/* JPEG by libjpeg-turbo at its defaults (islow DCT, fancy upsampling), which are Pillow's. */
#include <setjmp.h>
#include <stdio.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#include "engine/base/memory.h"
#include "engine/image/preprocess.h"
#include "io/image/decode.h"
#include "io/image/formats.h"

typedef struct error_manager {
    struct jpeg_error_mgr base;
    jmp_buf jump;
    char message[JMSG_LENGTH_MAX];
    bool truncated, too_many_scans;
    int64_t bytes; /* of the whole file */
} error_manager;

enum {
    USUAL_SCANS = 30,
    LIKELY_SCANS = 100,
    MOST_SCANS = 500,
    MOST_SCANNED_BLOCKS = 40000000,
    BLOCKS_PER_BYTE = 64
};

static void
on_error(j_common_ptr info)
{
    error_manager *e = (error_manager *) (void *) info->err;

    info->err->format_message(info, e->message);
    longjmp(e->jump, 1);
}

static void
on_message(j_common_ptr info, int level)
{
    error_manager *e = (error_manager *) (void *) info->err;

    if (level < 0 && info->err->msg_code ==
                         JWRN_JPEG_EOF) /* where libjpeg only warns, the image is cut short */
        e->truncated = true;
}

/* libjpeg decodes every scan of a progressive image, over all of its blocks: thousands of empty
 * ones cost minutes for a few megabytes. Encoders make some ten scans, at most 64 or so; more
 * are taken while their work stays below that of about a second, and many over a large image
 * only where there are bytes for them. */
static void
count_scans(j_common_ptr info)
{
    struct jpeg_decompress_struct *d = (struct jpeg_decompress_struct *) (void *) info;
    error_manager *e = (error_manager *) (void *) info->err;
    const int64_t scans = d->input_scan_number;
    const int64_t blocks = (int64_t) (d->image_width / 8 + 1) * (d->image_height / 8 + 1);
    const int64_t work = scans * blocks;

    if (scans <= USUAL_SCANS || (scans <= MOST_SCANS && work <= MOST_SCANNED_BLOCKS) ||
        (scans <= LIKELY_SCANS && e->bytes >= work / BLOCKS_PER_BYTE))
        return;
    e->too_many_scans = true;
    snprintf(e->message, sizeof e->message, "more than %lld scans of %u x %u pixels",
             (long long) scans - 1, d->image_width, d->image_height);
    longjmp(e->jump, 1);
}

static void
no_output(j_common_ptr info)
{
    (void) info;
}

static struct jpeg_error_mgr *
error_manager_init(error_manager *e)
{
    jpeg_std_error(&e->base);
    e->base.error_exit = on_error;
    e->base.emit_message = on_message;
    e->base.output_message = no_output;
    return &e->base;
}

/* Columns and rows of one unit of the coded image at most, where a part of it may be decoded.
 */
enum { UNIT = 16 };

/* Whether libjpeg-turbo decodes a part of the image to the pixels of the whole (tests compare
 * them): colour in one scan, of the usual subsamplings. Known before the decoding starts. */
static bool
has_exact_parts(struct jpeg_decompress_struct *d)
{
#if defined(LIBJPEG_TURBO_VERSION_NUMBER) && LIBJPEG_TURBO_VERSION_NUMBER >= 2000000
    const jpeg_component_info *c = d->comp_info;

    return d->num_components == 3 && d->jpeg_color_space == JCS_YCbCr && !d->arith_code &&
           !d->progressive_mode && !jpeg_has_multiple_scans(d) && c[0].h_samp_factor <= 2 &&
           c[0].v_samp_factor <= 2 && c[1].h_samp_factor == 1 && c[1].v_samp_factor == 1 &&
           c[2].h_samp_factor == 1 && c[2].v_samp_factor == 1;
#else
    (void) d;
    return false;
#endif
}

static ac_image_area
whole(const struct jpeg_decompress_struct *d)
{
    return (ac_image_area){ 0, 0, d->image_width, d->image_height };
}

/* With a margin: what is decoded as if the image ended there differs from the whole in the
 * first and last pixels. All columns, or rows from the first, where leaving them out would not
 * save much. */
static ac_image_area
part(const struct jpeg_decompress_struct *d, const ac_preprocess_recipe *recipe)
{
    ac_image_area a = ac_preprocess_area(d->image_width, d->image_height, recipe);

    a.columns += a.left < UNIT ? a.left + UNIT : 2 * UNIT;
    a.left = a.left < UNIT ? 0 : a.left - UNIT;
    a.columns = a.columns > d->image_width - a.left ? d->image_width - a.left : a.columns;
    if (d->image_width - a.columns < 4 * UNIT) {
        a.left = 0;
        a.columns = d->image_width;
    }
    a.rows += a.top < 4 * UNIT ? a.top : 2 * UNIT;
    a.top = a.top < 4 * UNIT ? 0 : a.top - 2 * UNIT;
    return a;
}

/* The rows of the area, and of them its columns or a few more. The entropy coding of all others
 * is read too: a file that ends early, or is damaged, is found. */
static void
read_area(struct jpeg_decompress_struct *d, const error_manager *e, ac_image *out,
          ac_image_area a)
{
    const size_t row = (size_t) d->output_width * (size_t) d->output_components;
    const int64_t end = a.top + a.rows;
    JDIMENSION left = (JDIMENSION) a.left, columns = (JDIMENSION) a.columns;

#if defined(LIBJPEG_TURBO_VERSION_NUMBER) && LIBJPEG_TURBO_VERSION_NUMBER >= 2000000
    if (columns < d->output_width)
        jpeg_crop_scanline(d, &left, &columns);
    if (a.top > 0)
        jpeg_skip_scanlines(d, (JDIMENSION) a.top);
#endif
    while (d->output_scanline < d->output_height && !e->truncated) {
        JSAMPROW at = out->pixels + d->output_scanline * row +
                      (size_t) left * (size_t) d->output_components;
#if defined(LIBJPEG_TURBO_VERSION_NUMBER) && LIBJPEG_TURBO_VERSION_NUMBER >= 2000000
        /* not the last row: libjpeg would not read what is coded of those it skips */
        if (d->output_scanline >= end && d->output_height - d->output_scanline > 1) {
            jpeg_skip_scanlines(d, d->output_height - d->output_scanline - 1);
            continue;
        }
#endif
        jpeg_read_scanlines(d, &at, 1);
    }
}

/* Everything between two setjmp's: no variable of it is looked at after a jump. recipe NULL:
 * the whole image. */
static ac_status
decode(struct jpeg_decompress_struct *d, error_manager *e, ac_image *out,
       const ac_preprocess_recipe *recipe, int64_t max_pixels, ac_item_status *item_status)
{
    ac_image_mode mode;
    ac_image_area area;
    ac_status st;

    jpeg_read_header(d, TRUE);
    switch (d->num_components) {
    case 1:
        mode = AC_MODE_L;
        d->out_color_space = JCS_GRAYSCALE;
        break;
    case 3:
        mode = AC_MODE_RGB;
        d->out_color_space = JCS_RGB;
        break;
    case 4:
        mode = AC_MODE_CMYK;
        d->out_color_space = JCS_CMYK;
        break;
    default:
        return ac_item_status_set(item_status, AC_REJECT_UNSUPPORTED_FORMAT,
                                  "JPEG of %d components", d->num_components);
    }
    st = ac_image_allocate_unset(out, mode, d->image_width, d->image_height, max_pixels,
                                 item_status);
    if (st != AC_OK || item_status->reason != AC_GOOD)
        return st;
    area = recipe && has_exact_parts(d) ? part(d, recipe) : whole(d);
    jpeg_start_decompress(d);
    read_area(d, e, out, area);
    if (!e->truncated)
        jpeg_finish_decompress(d);
    if (mode == AC_MODE_CMYK) /* stored inverted, marker or not */
        for (int64_t i = 0; i < out->width * out->height * 4; i++)
            out->pixels[i] = (uint8_t) (255 - out->pixels[i]);
    return AC_OK;
}

ac_status
ac_jpeg_decode_for(ac_image *out, const unsigned char *bytes, size_t n,
                   const ac_preprocess_recipe *recipe, int64_t max_pixels,
                   ac_item_status *item_status)
{
    struct jpeg_decompress_struct d;
    struct jpeg_progress_mgr progress = { .progress_monitor = count_scans };
    error_manager e = { 0 };
    ac_status st;

    memset(&d, 0, sizeof d);
    d.err = error_manager_init(&e);
    if (setjmp(e.jump)) {
        jpeg_destroy_decompress(&d);
        return ac_item_status_set(item_status,
                                  e.too_many_scans ? AC_REJECT_TOO_LARGE
                                  : e.truncated    ? AC_REJECT_TRUNCATED
                                                   : AC_REJECT_CORRUPT,
                                  "JPEG: %.180s", e.message);
    }
    jpeg_create_decompress(&d);
    d.progress = &progress;
    e.bytes = (int64_t) n;
    jpeg_mem_src(&d, bytes, n);
    st = decode(&d, &e, out, recipe, max_pixels, item_status);
    jpeg_destroy_decompress(&d);
    if (st == AC_OK && item_status->reason == AC_GOOD && e.truncated)
        ac_item_status_set(item_status, AC_REJECT_TRUNCATED, "JPEG: ends before its last row");
    return st;
}

ac_status
ac_jpeg_decode(ac_image *out, const unsigned char *bytes, size_t n, int64_t max_pixels,
               ac_item_status *item_status)
{
    return ac_jpeg_decode_for(out, bytes, n, NULL, max_pixels, item_status);
}

ac_status
ac_image_thumbnail_jpeg(ac_buffer *out, const uint8_t *rgb, int64_t S, int quality)
{
    struct jpeg_compress_struct c;
    error_manager e = { 0 };
    unsigned char *bytes = NULL;
    unsigned long n = 0;
    ac_status st;

    memset(&c, 0, sizeof c);
    c.err = error_manager_init(&e);
    if (setjmp(e.jump)) {
        jpeg_destroy_compress(&c);
        free(bytes);
        return ac_error_set(AC_E_NOMEM, "a thumbnail cannot be encoded: %s", e.message);
    }
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &bytes, &n);
    c.image_width = c.image_height = (JDIMENSION) S;
    c.input_components = 3;
    c.in_color_space = JCS_RGB;
    jpeg_set_defaults(&c);
    jpeg_set_quality(&c, quality, TRUE);
    jpeg_start_compress(&c, TRUE);
    while (c.next_scanline < c.image_height) {
        JSAMPROW row = (JSAMPROW) (uintptr_t) (rgb + (int64_t) c.next_scanline * S * 3);
        jpeg_write_scanlines(&c, &row, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    st = ac_buffer_push(out, bytes, n);
    free(bytes);
    return st;
}
