/* JPEGs of which only what the resize looks at is decoded: the same result to the byte as of
 * the whole image, and the same item status where the file is damaged or ends early; all
 * subsamplings, sizes and recipes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include "engine/base/random.h"
#include "engine/image/preprocess.h"
#include "io/image/decode.h"

enum { SEED = 71, SIDE = 32, MAX_PIXELS = 1 << 24 };

typedef struct jpeg {
    unsigned char *bytes;
    unsigned long n;
} jpeg;

/* How an image is encoded. */
typedef struct coding {
    int across, down; /* luma's sampling factors */
    int restart;      /* units between restart markers; 0: none */
    bool progressive;
} coding;

static double
uniform(uint32_t a, uint32_t b)
{
    return ac_random_uniform(SEED, a, b, 0);
}

/* Noise of the whole range over a gradient, so that a pixel from elsewhere shows. */
static void
make_row(unsigned char *row, int64_t width, int64_t y, uint32_t stream)
{
    for (int64_t i = 0; i < width * 3; i++)
        row[i] =
            (unsigned char) (ac_random_uniform(SEED, stream, (uint32_t) y, (uint32_t) i) * 200 +
                             (double) ((i + y) % 56));
}

static jpeg
encode(int64_t width, int64_t height, const coding *how, uint32_t stream)
{
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr errors;
    jpeg out = { 0 };
    unsigned char *row = malloc((size_t) width * 3);

    c.err = jpeg_std_error(&errors);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &out.bytes, &out.n);
    c.image_width = (JDIMENSION) width;
    c.image_height = (JDIMENSION) height;
    c.input_components = 3;
    c.in_color_space = JCS_RGB;
    jpeg_set_defaults(&c);
    jpeg_set_quality(&c, 60 + (int) (stream % 40), TRUE);
    c.comp_info[0].h_samp_factor = how->across;
    c.comp_info[0].v_samp_factor = how->down;
    c.restart_interval = (unsigned) how->restart;
    if (how->progressive)
        jpeg_simple_progression(&c);
    jpeg_start_compress(&c, TRUE);
    while (c.next_scanline < c.image_height) {
        JSAMPROW at = row;
        make_row(row, width, c.next_scanline, stream);
        jpeg_write_scanlines(&c, &at, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    free(row);
    return out;
}

static ac_preprocess_recipe
recipe_of(uint32_t stream)
{
    ac_preprocess_recipe r = ac_preprocess_openai(SIDE);

    r.resize = (ac_resize_rule) (stream % 4);
    r.height = r.width = SIDE + (int64_t) (stream % 3) * 8;
    r.resample = (ac_resample) (stream / 4 % 6);
    r.rgb_first = stream / 24 % 2;
    return r;
}

/* Both ways of the file's first n bytes. Returns whether pixels were left out. */
static bool
compare(const jpeg *file, size_t n, const ac_preprocess_recipe *recipe, const char *what)
{
    static uint8_t whole_rgb[SIDE * SIDE * 3], part_rgb[SIDE * SIDE * 3];
    ac_image whole, part;
    ac_item_status whole_status, part_status;
    ac_resizer resizer = { 0 };
    bool left_out = false;

    memset(whole_rgb, 1, sizeof whole_rgb);
    memset(part_rgb, 2, sizeof part_rgb);
    assert_int_equal(ac_image_decode(&whole, file->bytes, n, MAX_PIXELS, &whole_status), AC_OK);
    assert_int_equal(
        ac_image_decode_for(&part, file->bytes, n, 0, recipe, MAX_PIXELS, &part_status), AC_OK);
    if (whole_status.reason != part_status.reason ||
        strcmp(whole_status.detail, part_status.detail) != 0)
        fail_msg("%s, %zu bytes: %s, of the part: %s", what, n, whole_status.detail,
                 part_status.detail);
    if (whole_status.reason == AC_GOOD) {
        assert_int_equal(ac_image_preprocess(whole_rgb, &whole, recipe, &resizer), AC_OK);
        assert_int_equal(ac_image_preprocess(part_rgb, &part, recipe, &resizer), AC_OK);
        if (memcmp(whole_rgb, part_rgb, sizeof part_rgb) != 0)
            fail_msg("%s, %lld x %lld: other pixels", what, (long long) whole.width,
                     (long long) whole.height);
        left_out =
            memcmp(whole.pixels, part.pixels, (size_t) (whole.width * whole.height * 3)) != 0;
    }
    ac_resizer_free(&resizer);
    ac_image_free(&whole);
    ac_image_free(&part);
    return left_out;
}

static const coding codings[] = { { 2, 2, 0, false }, { 2, 1, 0, false }, { 1, 1, 0, false },
                                  { 1, 2, 0, false }, { 2, 2, 7, false }, { 4, 1, 0, false },
                                  { 2, 2, 0, true } };

enum { CODINGS = sizeof codings / sizeof *codings };

static void
same_pixels(void **state)
{
    int left_out[CODINGS] = { 0 };

    (void) state;
    print_message("seed %d\n", SEED);
    for (uint32_t s = 0; s < 700; s++) {
        const coding *how = &codings[s % CODINGS];
        const int64_t width = 1 + (int64_t) (uniform(s, 1) * (s % 3 ? 400 : 90)),
                      height = 1 + (int64_t) (uniform(s, 2) * (s % 5 ? 90 : 600));
        const ac_preprocess_recipe recipe = recipe_of(s / CODINGS);
        const jpeg file = encode(width, height, how, s);
        char what[64];
        snprintf(what, sizeof what, "image %u, sampling %d x %d", s, how->across, how->down);
        left_out[s % CODINGS] += compare(&file, file.n, &recipe, what);
        free(file.bytes);
    }
#if LIBJPEG_TURBO_VERSION_NUMBER >= 2000000
    for (int i = 0; i < 5; i++) /* or nothing was tested */
        assert_true(left_out[i] > 0);
#endif
    assert_int_equal(left_out[6], 0); /* progressive: always whole */
}

/* Ends anywhere, and bytes that are wrong. */
static void
same_faults(void **state)
{
    (void) state;
    for (uint32_t s = 0; s < 60; s++) {
        const ac_preprocess_recipe recipe = ac_preprocess_openai(SIDE);
        const jpeg file = encode(s % 2 ? 300 : 100, s % 2 ? 100 : 300, &codings[s % 5], s);
        for (uint32_t i = 0; i < 8; i++) {
            const size_t at = (size_t) (uniform(s, 10 + i) * (double) file.n);
            const unsigned char was = file.bytes[at];
            compare(&file, i < 4 ? at : file.n - i + 4, &recipe, "ends early");
            file.bytes[at] = (unsigned char) (was ^ (1u << i));
            compare(&file, file.n, &recipe, "damaged");
            file.bytes[at] = was;
        }
        free(file.bytes);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(same_pixels),
                                        cmocka_unit_test(same_faults) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
