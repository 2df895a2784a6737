/* COCO's annotations, whose values are made one by one: what is read, and what is said about
 * files that are none, wherever it stands in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/status.h"
#include "io/source/coco.h"

static char path[] = "/tmp/ac_coco_XXXXXX";

static ac_status
read_text(ac_coco *c, const char *text, size_t n)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    return ac_coco_read(c, path);
}

static void
check_caption(const ac_coco *c, int64_t i, int k, const char *expected)
{
    const ac_coco_image *image = ac_coco_image_at(c, i);
    const char *text;
    size_t n;

    assert_true(k < image->caption_count);
    text = ac_spilled_texts_at(&c->captions, image->captions[k], &n);
    assert_int_equal(n, strlen(expected));
    assert_memory_equal(text, expected, n);
}

#define IMAGES \
    "\"images\": [{\"id\": 1, \"file_name\": \"a\"}, {\"id\": \"x\", \"file_name\": \"b\"}]"
#define ANNOTATIONS                                                                          \
    "\"annotations\": [{\"image_id\": \"x\", \"caption\": \"]}\\\"\"}, {\"image_id\": 1.0, " \
    "\"caption\": \"one\"}, {\"image_id\": \"1\", \"caption\": \"two\", \"more\": [{}, "     \
    "\"[\"]}]"

static void
lists_come_in_any_order(void **state)
{
    static const char *const files[] = {
        "{" IMAGES ", " ANNOTATIONS "}",
        " \n{" ANNOTATIONS ", \"info\": {\"a\": [NaN, 1]}, " IMAGES "}\n",
        "\xef\xbb\xbf{\"licenses\": [], " IMAGES ",\t" ANNOTATIONS
        ", \"n\": 123456789012345678901}",
        /* what is no JSON by the letter, in another place, and for which the file is read as a
         * whole */
        "{\"in\\ud800fo\": 1, " IMAGES ", " ANNOTATIONS ", \"odd\": \"\xff\"}",
    };

    (void) state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        ac_coco c;
        const ac_status st = read_text(&c, files[i], strlen(files[i]));
        if (i == 3) { /* a name with half of a surrogate pair is none */
            assert_int_equal(st, AC_E_FORMAT);
            assert_non_null(strstr(ac_error_message(), "NUL byte in object key"));
            continue;
        }
        assert_int_equal(st, AC_OK);
        assert_int_equal(c.count, 2);
        assert_int_equal(ac_coco_image_at(&c, 0)->caption_count, 2);
        check_caption(&c, 0, 0, "one");
        check_caption(&c, 0, 1, "two");
        check_caption(&c, 1, 0, "]}\"");
        ac_coco_free(&c);
    }
}

static void
what_is_wrong_is_said(void **state)
{
    static const struct {
        const char *text, *said;
    } files[] = {
        { "", "line 1: not JSON" },
        { "[1", "line 1: not JSON" },
        { "[1]", "no list \"images\"" },
        { "{\"images\": {}, \"annotations\": []}", "no list \"images\"" },
        { "{\"images\": []}", "no list \"annotations\"" },
        { "{" IMAGES ", " ANNOTATIONS ", \"x\": tru}", "line 1: not JSON: invalid token" },
        { "{" IMAGES ", " ANNOTATIONS ", \"x\": [1, [}]]}", "line 1: not JSON" },
        { "{" IMAGES ", " ANNOTATIONS, "line 1: not JSON: '}' expected" },
        { "{" IMAGES ", " ANNOTATIONS "} x", "not JSON: end of file expected" },
        { "{" IMAGES ", " ANNOTATIONS ", \"images\": []}", "duplicate object key" },
        { "{" IMAGES ", " ANNOTATIONS ", \"a\\u0000\": 1}", "NUL byte in object key" },
        { "{" IMAGES ", " ANNOTATIONS ", \"i\": {\"a\": 1, \"a\": 1}}",
          "duplicate object key" },
        { "{\"images\": [{\"id\": 1, \"file_name\": \"a\", \"n\\u0000\": 2}], "
          "\"annotations\": []}",
          "NUL byte in object key" },
        { "{\"images\": [{\"id\": 1, \"file_name\": \"a\"}, ], \"annotations\": []}",
          "not JSON: unexpected token near ']'" },
        { "{\"images\": [{\"id\": 1, \"file_name\": \"a\"} 2], \"annotations\": []}",
          "not JSON" },
        /* what is no JSON is said first, though it stands behind */
        { "{\"images\": [{\"id\": 1}],\n\"annotations\": [}", "line 2: not JSON" },
        { "{\"images\": [{\"id\": 1}],\n\"annotations\": []}", "images[0] needs a number" },
        { "{\"images\": [1], \"annotations\": [2]}", "images[0] needs a number" },
        { "{\"images\": [{\"id\": 2, \"file_name\": \"a\"}, {\"id\": 1, \"file_name\": \"b\"}, "
          "{\"id\": \"1\", \"file_name\": \"c\"}, {\"id\": 2, \"file_name\": \"d\"}], "
          "\"annotations\": []}",
          "images[1] and images[2] have the same id, 1" },
        { "{" IMAGES ", \"annotations\": [{\"image_id\": 1, \"caption\": 3}]}",
          "annotations[0] needs" },
        { "{\"images\": [{\"filename\": \"a\", \"imgid\": 1, \"sentences\": [{}]}]}",
          "images[0].sentences[0] needs a text \"raw\"" },
    };

    (void) state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        ac_coco c;
        assert_int_equal(read_text(&c, files[i].text, strlen(files[i].text)), AC_E_FORMAT);
        if (!strstr(ac_error_message(), files[i].said))
            fail_msg("%s: %s", files[i].text, ac_error_message());
    }
}

static void
captions_that_are_no_text_are_left_out(void **state)
{
    static const char text[] =
        "{" IMAGES ", \"annotations\": [{\"image_id\": 1, \"caption\": \"a\\u0000b\"}, "
        "{\"image_id\": 1, \"caption\": \"good\"}, {\"image_id\": 1, \"caption\": \"\xc3\"}, "
        "{\"image_id\": 1, \"caption\": \"\\udc00\"}, {\"image_id\": 9, \"caption\": \"no\"}]}";
    ac_coco c;

    (void) state;
    assert_int_equal(read_text(&c, text, sizeof text - 1), AC_OK);
    assert_int_equal(c.unusable, 3);
    assert_true(ac_texts_is(&c.unusable_names, 1, "annotations[2]", 14));
    assert_int_equal(c.unlisted, 1);
    assert_string_equal(c.first_unlisted, "9");
    assert_int_equal(ac_coco_image_at(&c, 0)->caption_count, 1);
    check_caption(&c, 0, 0, "good");
    ac_coco_free(&c);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_come_in_any_order),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(captions_that_are_no_text_are_left_out),
    };
    const int fd = mkstemp(path);
    int failed;

    if (fd < 0)
        return 1;
    close(fd);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
