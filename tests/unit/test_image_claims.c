/* Files whose headers claim more than they hold: rejected before the claim is allocated. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "io/image/decode.h"
#include "tests/support/golden.h"

enum { MAX_PIXELS = 178956970 };

static bool
is_built(const char *name)
{
    ac_image_format format;

    for (int i = 0; ac_image_format_at(i, &format); i++)
        if (strcmp(format.name, name) == 0)
            return format.built;
    fail_msg("no format %s", name);
    return false;
}

static ac_reject_reason
reason_of(const void *bytes, size_t n, int64_t max_pixels)
{
    ac_image p;
    ac_item_status status;

    assert_int_equal(ac_image_decode(&p, bytes, n, max_pixels, &status), AC_OK);
    ac_image_free(&p);
    return status.reason;
}

static void
put_big(char *to, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        to[i] = (char) (v >> (24 - 8 * i));
}

/* One tile that is there, and 143 that are not: OpenJPEG would leave them black. */
static void
tiles_of_jpeg2000(void **state)
{
    size_t n;
    char *bytes =
        test_read_file(AC_TEST_DATA "/golden/pictures_more/images/j2k_rgb_lossless.j2k", &n);

    (void) state;
    if (!is_built("JPEG 2000")) {
        free(bytes);
        skip();
    }
    assert_int_equal(reason_of(bytes, n, MAX_PIXELS), AC_GOOD);
    put_big(bytes + 24, 8);
    put_big(bytes + 28, 8);
    assert_int_equal(reason_of(bytes, n, MAX_PIXELS), AC_REJECT_TRUNCATED);
    put_big(bytes + 8, 13000); /* forty thousand of them */
    put_big(bytes + 12, 13000);
    assert_int_equal(reason_of(bytes, n, MAX_PIXELS), AC_REJECT_TRUNCATED);
    put_big(bytes + 8, 14000);
    assert_int_equal(reason_of(bytes, n, MAX_PIXELS), AC_REJECT_TRUNCATED);
    free(bytes);
}

/* Every format: one pixel fewer allowed than it has, and it is too large. */
static void
one_pixel_too_many(void **state)
{
    static const char *const names[] = { "gif_87a.gif",       "bmp_rle4.bmp",
                                         "bmp_565.bmp",       "tiff_rgb_tiled.tif",
                                         "jp2_rgb_lossy.jp2", "avif_420.avif",
                                         "heic_444.heic",     "jxl_lossy.jxl" };

    (void) state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[4096];
        size_t n;
        char *bytes;
        ac_image p;
        ac_item_status status;
        snprintf(path, sizeof path, "%s/golden/pictures_more/images/%s", AC_TEST_DATA,
                 names[i]);
        bytes = test_read_file(path, &n);
        assert_int_equal(ac_image_decode(&p, bytes, n, MAX_PIXELS, &status), AC_OK);
        if (status.reason == AC_GOOD) {
            assert_int_equal(reason_of(bytes, n, p.width * p.height), AC_GOOD);
            assert_int_not_equal(reason_of(bytes, n, p.width * p.height - 1), AC_GOOD);
        } else { /* not in this build */
            assert_int_equal(status.reason, AC_REJECT_UNSUPPORTED_FORMAT);
        }
        ac_image_free(&p);
        free(bytes);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(tiles_of_jpeg2000),
                                        cmocka_unit_test(one_pixel_too_many) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
