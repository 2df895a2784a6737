/* EXIF orientation: read from PNG, JPEG and WebP, and applied as Pillow's exif_transpose does
 * (tests/data/exif, made with Pillow). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "io/image/decode.h"
#include "io/image/exif.h"
#include "tests/support/golden.h"

static uint8_t *
decode_rgb(const char *name, bool orient, int *orientation, int64_t *width, int64_t *height)
{
    char *path = NULL;
    ac_image p;
    ac_item_status item_status;
    uint8_t *rgb;

    assert_true(asprintf(&path, "%s/exif/%s", AC_TEST_DATA, name) > 0);
    assert_int_equal(ac_image_read_file(&p, path, 1000, &item_status), AC_OK);
    assert_int_equal(item_status.reason, AC_GOOD);
    *orientation = p.orientation;
    if (orient) {
        assert_int_equal(ac_image_orient(&p), AC_OK);
        assert_int_equal(p.orientation, 1);
    }
    *width = p.width;
    *height = p.height;
    assert_int_equal(ac_alloc(&rgb, p.width * p.height, 3), AC_OK);
    ac_image_to_rgb(rgb, p.pixels, p.width * p.height, p.mode, (const uint8_t(*)[3]) p.palette);
    ac_image_free(&p);
    free(path);
    return rgb;
}

static void
check(const char *given, const char *expected, int orientation)
{
    int found, none;
    int64_t width, height, w, h;
    uint8_t *ours = decode_rgb(given, true, &found, &width, &height),
            *theirs = decode_rgb(expected, false, &none, &w, &h);

    assert_int_equal(found, orientation);
    assert_int_equal(none, 1);
    assert_true(width == w && height == h);
    assert_memory_equal(ours, theirs, (size_t) (w * h * 3));
    free(ours);
    free(theirs);
}

static void
turns_as_pillow_does(void **state)
{
    (void) state;
    for (int o = 1; o <= 8; o++) {
        char given[32], expected[32];
        snprintf(given, sizeof given, "orientation_%d.png", o);
        snprintf(expected, sizeof expected, "expected_%d.png", o);
        check(given, expected, o);
    }
    check("orientation_p_6.png", "expected_p_6.png", 6);
    check("orientation_5.webp", "expected_webp_5.png", 5);
    check("orientation_7.jpg", "expected_jpg_7.png", 7);
}

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

/* irot and imir of AVIF are an orientation like EXIF's, as for Pillow. */
static void
avif_turns_when_asked(void **state)
{
    (void) state;
    if (!is_built("AVIF"))
        skip();
    for (int o = 1; o <= 8; o++) {
        char given[32], expected[32];
        snprintf(given, sizeof given, "orientation_%d.avif", o);
        snprintf(expected, sizeof expected, "expected_avif_%d.png", o);
        check(given, expected, o);
    }
}

/* TIFF is turned when it is read, and not once more when asked. */
static void
tiff_turns_once(void **state)
{
    (void) state;
    if (!is_built("TIFF"))
        skip();
    check("orientation_4.tif", "expected_tif_4.png", 1);
    check("orientation_5.tif", "expected_tif_5.png", 1);
    check("orientation_7.tif", "expected_tif_7.png", 1);
}

/* Both byte orders, and every way to be cut or wrong: 1, and no byte past the end is read (the
 * sanitizers watch). */
static void
anything_else_is_one(void **state)
{
    static const unsigned char little[] =
        "\xff\xd8\xff\xe1\0\x22"
        "Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    const size_t n = sizeof little - 1;

    (void) state;
    assert_int_equal(ac_exif_orientation(little, n), 6);
    for (size_t cut = 0; cut < n; cut++) {
        unsigned char *copy = malloc(cut ? cut : 1);
        assert_non_null(copy);
        memcpy(copy, little, cut);
        assert_int_equal(ac_exif_orientation(copy, cut), 1);
        free(copy);
    }
    for (size_t at = 4; at < n; at++) {
        for (int bit = 0; bit < 8; bit++) {
            unsigned char *copy = malloc(n);
            int found;
            assert_non_null(copy);
            memcpy(copy, little, n);
            copy[at] = (unsigned char) (copy[at] ^ 1 << bit);
            found = ac_exif_orientation(copy, n);
            assert_true(found >= 1 && found <= 8);
            free(copy);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turns_as_pillow_does),
        cmocka_unit_test(avif_turns_when_asked),
        cmocka_unit_test(tiff_turns_once),
        cmocka_unit_test(anything_else_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
