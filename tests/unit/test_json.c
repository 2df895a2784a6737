/* Our own reading and writing of JSON against jansson's and the C library's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <jansson.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/file/json_scan.h"
#include "io/file/json_value.h"
#include "io/file/json_write.h"

static uint64_t state_of_random = 12345;

static uint64_t
draw(void)
{
    state_of_random = state_of_random * 6364136223846793005u + 1442695040888963407u;
    return state_of_random ^ state_of_random >> 31;
}

static void
check_number(double x, ac_buffer *out)
{
    char text[40];

    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, x);
        if (memcmp(&(double){ strtod(text, NULL) }, &x, sizeof x) == 0)
            break;
    }
    ac_buffer_reset(out);
    assert_int_equal(ac_json_double(out, x), AC_OK);
    if (strcmp(out->data, text) != 0)
        fail_msg("%a: %s, not %s", x, out->data, text);
}

/* Any double; those of scores; decimals, whose digits are few; and powers with their
 * neighbours. */
static void
numbers_as_the_library_writes_them(void **state)
{
    ac_buffer out = { 0 };

    (void) state;
    for (int i = 0; i < 300000; i++) {
        const uint64_t bits = draw();
        double any;
        memcpy(&any, &bits, sizeof any);
        if (isfinite(any))
            check_number(any, &out);
        check_number((double) (bits >> 11) * 0x1p-53 * (i % 2 ? 1 : 10), &out);
        check_number(-(double) (bits % 1000000000u) / 1000000, &out);
        check_number((double) (bits % 100000u) / (double) (1 + (bits >> 40)), &out);
        check_number((double) (bits >> (i % 64)), &out);
    }
    for (int k = -6; k <= 18; k++)
        for (int step = -3; step <= 3; step++) {
            double x = pow(10, k);
            for (int s = 0; s < abs(step); s++)
                x = nextafter(x, step < 0 ? 0 : INFINITY);
            check_number(x, &out);
        }
    for (int k = -20; k <= 60; k++)
        for (int step = -3; step <= 3; step++) {
            double x = ldexp(1, k);
            for (int s = 0; s < abs(step); s++)
                x = nextafter(x, step < 0 ? 0 : INFINITY);
            check_number(x, &out);
        }
    check_number(0.0, &out);
    check_number(-0.0, &out);
    ac_buffer_reset(&out);
    ac_json_double(&out, (double) NAN);
    assert_string_equal(out.data, "null");
    ac_buffer_free(&out);
}

/* Texts of JSON that are damaged at random: what is read as a string is jansson's string, and
 * all that jansson refuses is refused. */
static void
strings_as_jansson_reads_them(void **state)
{
    static const char *const pieces[] = { "a",
                                          "\"",
                                          "\\",
                                          "\\n",
                                          "\\u00e9",
                                          "\\u0000",
                                          "\\ud83d\\ude00",
                                          "\\ud83d",
                                          "\\udc00",
                                          "é",
                                          "\xc3",
                                          "\xed\xa0\x80",
                                          "\n",
                                          "\x7f",
                                          "\\/",
                                          "\\x",
                                          "\\u12",
                                          " ",
                                          "]",
                                          "word" };
    ac_buffer text = { 0 }, out = { 0 };
    int taken = 0, refused = 0;

    (void) state;
    for (int i = 0; i < 200000; i++) {
        json_t *value;
        ac_json_scan json;

        ac_buffer_reset(&text);
        ac_buffer_reset(&out);
        ac_buffer_push_text(&text, "\"");
        for (uint64_t n = draw() % 5; n > 0; n--)
            ac_buffer_push_text(&text, pieces[draw() % (sizeof pieces / sizeof *pieces)]);
        ac_buffer_push_text(&text, draw() % 16 ? "\"" : "");
        value = json_loadb(text.data, text.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        json = ac_json_scan_begin(text.data, text.size);
        if (ac_json_scan_string(&json, &out) && json.at == json.end) {
            assert_non_null(value);
            assert_int_equal(json_string_length(value), out.size);
            assert_memory_equal(json_string_value(value), out.data, out.size);
            taken++;
        } else {
            assert_null(value);
            refused++;
        }
        json_decref(value);
    }
    assert_true(taken > 10000 && refused > 10000);
    ac_buffer_free(&text);
    ac_buffer_free(&out);
}

static void
whole_numbers_and_other_values(void **state)
{
    static const char *const whole[] = { "0", "7", "-12", "123456789012345678" },
                             *const other[] = { "-0", "01", "1.0",   "1e3",
                                                "-",  "",   "\"1\"", "1234567890123456789" },
                             *const values[] = { "1.5e3", "null", "[1, {\"a\": \"]\\\"}\"}]",
                                                 "{}", "\"a,b\"" },
                             *const broken[] = { "", "]", ",", "[1", "\"a", "{\"a\": \"}" };
    ac_buffer out = { 0 };

    (void) state;
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        char text[64];
        ac_json_scan json;
        const size_t n = (size_t) snprintf(text, sizeof text, "%s ,", whole[i]);
        json = ac_json_scan_begin(text, n);
        ac_buffer_reset(&out);
        assert_true(ac_json_scan_whole(&json, &out));
        assert_string_equal(out.data, whole[i]);
        assert_true(ac_json_scan_sign(&json, ',') && json.at == json.end);
    }
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        ac_json_scan json = ac_json_scan_begin(other[i], strlen(other[i]));
        assert_false(ac_json_scan_whole(&json, &out));
    }
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char text[64];
        ac_json_scan json;
        const size_t n = (size_t) snprintf(text, sizeof text, "%s,", values[i]);
        json = ac_json_scan_begin(text, n);
        assert_true(ac_json_scan_skip(&json) && ac_json_scan_sign(&json, ','));
        assert_ptr_equal(json.at, json.end);
    }
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        ac_json_scan json = ac_json_scan_begin(broken[i], strlen(broken[i]));
        assert_false(ac_json_scan_skip(&json));
    }
    ac_buffer_free(&out);
}

/* What came with an image: "url" as it is read; kept: what stands in a dataset. NULL: no
 * object. */
static void
expect_metadata(const char *text, const char *url, const char *kept)
{
    const size_t n = strlen(text);
    json_t *root = ac_json_parse_metadata(text, n);
    ac_buffer b = { 0 };

    assert_int_equal(ac_buffer_push(&b, text, n), AC_OK);
    assert_int_equal(ac_json_keep_metadata(&b), AC_OK);
    if (url) {
        assert_non_null(root);
        assert_string_equal(json_string_value(json_object_get(root, "url")), url);
        assert_string_equal(b.data, kept);
    } else {
        assert_null(root);
        assert_int_equal(b.size, 0);
    }
    json_decref(root);
    ac_buffer_free(&b);
}

static void
metadata_of_other_programs(void **state)
{
    (void) state;
    expect_metadata("{\"url\": \"a\", \"p\": NaN}", "a", "{\"url\": \"a\", \"p\": NaN}");
    expect_metadata("\xef\xbb\xbf{\"url\": \"a\"}", "a", "{\"url\": \"a\"}");
    expect_metadata("{\"url\": \"\\ud83d\\ude00 \\ud83d.\"}", "\xf0\x9f\x98\x80 \xef\xbf\xbd.",
                    "{\"url\": \"\\ud83d\\ude00 \\ud83d.\"}");
    expect_metadata("{\"url\": \"a\\u0000b\", \"p\": -Infinity}",
                    "a\xef\xbf\xbd"
                    "b",
                    "{\"url\": \"a\\u0000b\", \"p\": -Infinity}");
    expect_metadata("{\"url\": \"caf\xe9\", \"\\\\\": 1}", "caf\xef\xbf\xbd",
                    "{\"url\": \"caf\\ufffd\", \"\\\\\": 1}");
    expect_metadata("[{\"url\": \"a\"}]", NULL, NULL);
    expect_metadata("\"url\"", NULL, NULL);
    expect_metadata("{\"url\": \"a\"", NULL, NULL);
    expect_metadata("{\"url\": \"a\\\"", NULL, NULL);
    expect_metadata("{\"url\": \"\\u00", NULL, NULL);
    expect_metadata("", NULL, NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_as_the_library_writes_them),
        cmocka_unit_test(strings_as_jansson_reads_them),
        cmocka_unit_test(whole_numbers_and_other_values),
        cmocka_unit_test(metadata_of_other_programs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
