/* Member names that webdataset reads, extensions, the json of a sample; fields of EXIF. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "io/image/exif_fields.h"
#include "io/source/sample_name.h"

static void
expect_name(const char *key, const char *name)
{
    ac_buffer out = { 0 };

    assert_int_equal(ac_sample_name(key, strlen(key), &out), AC_OK);
    assert_string_equal(out.data, name);
    ac_buffer_free(&out);
}

static void
names_are_encoded(void **state)
{
    (void) state;
    expect_name("a", "a");
    expect_name("a/b.c/d", "a/b.c/d");
    expect_name("a/b.c", "a/b%2Ec");
    expect_name("IMG_2021.03.04", "IMG_2021%2E03%2E04");
    expect_name("__a__", "%5F_a__");
    expect_name("x/__a", "x/%5F_a");
    expect_name("__m__/a", "%5F_m__/a");
    expect_name("x/__m__/a", "x/__m__/a");
    expect_name("_a", "_a");
    expect_name("100%", "100%25");
    expect_name("a%2Eb", "a%252Eb");
    expect_name("/abs/a", "%2Fabs/a");
    expect_name("../a", "%2E%2E/a");
    expect_name("a/./b", "a/%2E/b");
    expect_name("a/..", "a/%2E%2E");
}

/* A key that JSON cannot show comes back from the name that was made of it; any other stays
 * what the json says. */
static void
expect_key(const char *shown, const char *name, const char *wanted)
{
    ac_buffer out = { 0 };

    assert_int_equal(ac_sample_key(shown, name, strlen(name), &out), AC_OK);
    assert_string_equal(out.data, wanted);
    ac_buffer_free(&out);
}

static void
keys_come_back(void **state)
{
    (void) state;
    expect_key("a.b", "a%2Eb", "a.b");
    expect_key("a.b", "anything", "a.b");
    expect_key("caf\xef\xbf\xbd", "caf\xe9", "caf\xe9");
    expect_key("__x/\xef\xbf\xbd%.y", "%5F_x/\xff%25%2Ey", "__x/\xff%.y");
    expect_key("caf\xef\xbf\xbd", "caf\xef\xbf\xbd", "caf\xef\xbf\xbd");
    expect_key("caf\xef\xbf\xbd", "tea\xe9", "caf\xef\xbf\xbd"); /* another's name */
    expect_key("caf\xef\xbf\xbd", "caf\xe9.b", "caf\xef\xbf\xbd");
}

static void
expect_extension(const char *location, const char *format, bool lower, const char *wanted)
{
    char out[16];

    ac_sample_extension(location, strlen(location), format, lower, out);
    assert_string_equal(out, wanted);
}

static void
extensions_are_those_of_before_or_the_formats(void **state)
{
    (void) state;
    expect_extension("a/b.JPEG", "JPEG", true, "jpeg");
    expect_extension("a/b.JPEG", "JPEG", false, "JPEG");
    expect_extension("a.jpg/b", "PNG", true, "png");
    expect_extension("b.md", "WebP", true, "webp");
    expect_extension("b.averyverylongextension", "TIFF", true, "tif");
    expect_extension("", "JPEG XL", true, "jxl");
    expect_extension("x", "", true, "img");
}

static void
expect_json(const char *metadata, const char *fields, const char *wanted)
{
    static const char *const names[] = { "caption", NULL };
    ac_buffer more = { 0 }, out = { 0 };

    assert_int_equal(ac_buffer_push_text(&more, fields), AC_OK);
    assert_int_equal(ac_sample_json(metadata, strlen(metadata), &more, names, &out), AC_OK);
    assert_string_equal(out.data, wanted);
    ac_buffer_free(&more);
    ac_buffer_free(&out);
}

static void
metadata_stays_as_it_is(void **state)
{
    (void) state;
    expect_json("", "\"k\": 1", "{\"k\": 1}");
    expect_json("{ }", "\"k\": 1", "{ \"k\": 1}");
    expect_json("{\"n\": 1.10}\n", "\"k\": 1", "{\"n\": 1.10, \"k\": 1}");
    expect_json("{\"n\": {\"a\": \"}\"}}", "", "{\"n\": {\"a\": \"}\"}}");
    expect_json("[1]", "\"k\": 1", "{\"k\": 1}");
    expect_json("{\"caption\": \"old\", \"n\": 1}", "\"caption\": \"new\"",
                "{\"n\": 1, \"original_caption\": \"old\", \"caption\": \"new\"}");
    expect_json("{\"antarctic_key\": \"x\", \"n\": 1}", "\"k\": 1", "{\"n\": 1, \"k\": 1}");
}

static void
expect_stripped(const char *metadata, const char *wanted)
{
    ac_buffer m = { 0 };

    assert_int_equal(ac_buffer_push_text(&m, metadata), AC_OK);
    assert_int_equal(ac_sample_strip(&m), AC_OK);
    assert_int_equal(m.size, strlen(wanted));
    assert_string_equal(m.data, wanted);
    ac_buffer_free(&m);
}

static void
the_true_key_is_taken_out(void **state)
{
    (void) state;
    expect_stripped("{\"n\": 1.10}", "{\"n\": 1.10}");
    expect_stripped("{\"n\": 1.10, \"antarctic_key\": \"a\"}", "{\"n\": 1.10}");
    expect_stripped("{\"n\": 1.10 , \"antarctic_key\": \"a\\\"}\"}\n", "{\"n\": 1.10 }");
    expect_stripped("{\"antarctic_key\": \"a\"}", "");
    expect_stripped("{ \"antarctic_key\": \"a\"}", "");
    expect_stripped("{\"antarctic_key\": \"a\", \"n\": 1}", "{\"n\": 1}");
    expect_stripped("{\"m\": {\"antarctic_key\": \"a\"}}",
                    "{\"m\": {\"antarctic_key\": \"a\"}}");
    expect_stripped("{\"m\": \"antarctic_key\"}", "{\"m\": \"antarctic_key\"}");
    expect_stripped("", "");
}

/* ---- EXIF ---- */

/* JPEG's first marker and an EXIF block, little-endian: Make, and in the EXIF directory FNumber
 * 28/10, ExposureBiasValue -1/3, DateTimeOriginal, a FocalLength of 1/0. */
static const unsigned char jpeg[] =
    "\xff\xd8\xff\xe1\0\xa0"
    "Exif\0\0II*\0\x08\0\0\0"
    "\2\0\x0f\1\2\0\5\0\0\0\x26\0\0\0\x69\x87\4\0\1\0\0\0\x2c\0\0\0\0\0\0\0"
    "Abc \0\0"
    "\4\0\x9d\x82\5\0\1\0\0\0\x62\0\0\0\4\x92\x0a\0\1\0\0\0\x6a\0\0\0"
    "\3\x90\2\0\x14\0\0\0\x72\0\0\0\x0a\x92\5\0\1\0\0\0\x86\0\0\0\0\0\0\0"
    "\x1c\0\0\0\x0a\0\0\0\xff\xff\xff\xff\3\0\0\0"
    "2026:01:02 03:04:05\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

static void
expect_field(const char *name, size_t size, const char *wanted)
{
    ac_buffer out = { 0 };

    assert_true(ac_exif_field_is(name, strlen(name)));
    assert_int_equal(ac_exif_push_field(&out, jpeg, size, name, strlen(name)), AC_OK);
    assert_string_equal(out.data, wanted);
    ac_buffer_free(&out);
}

static void
fields_of_exif_are_read(void **state)
{
    (void) state;
    expect_field("Make", sizeof jpeg, "\"Abc\"");
    expect_field("FNumber", sizeof jpeg, "2.8");
    expect_field("ExposureBiasValue", sizeof jpeg, "-0.3333333333");
    expect_field("DateTimeOriginal", sizeof jpeg, "\"2026:01:02 03:04:05\"");
    expect_field("FocalLength", sizeof jpeg, "null");
    expect_field("Model", sizeof jpeg, "null");
    expect_field("GPSLatitude", sizeof jpeg, "null");
    assert_false(ac_exif_field_is("make", 4));
    for (size_t n = 0; n < 100; n++) /* cut: nothing is read behind the end */
        expect_field("DateTimeOriginal", n, "null");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_encoded),
        cmocka_unit_test(keys_come_back),
        cmocka_unit_test(extensions_are_those_of_before_or_the_formats),
        cmocka_unit_test(metadata_stays_as_it_is),
        cmocka_unit_test(the_true_key_is_taken_out),
        cmocka_unit_test(fields_of_exif_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
