/* Training's crops: given their box, Pillow's bytes (golden/preprocess, crops); boxes drawn lie
 * in the image and have the distribution that torchvision's have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/image/crop.h"
#include "io/image/decode.h"
#include "tests/support/golden.h"

static int64_t
number(const json_t *line, const char *key)
{
    return json_integer_value(json_object_get(line, key));
}

static void
bytes_equal_pillows(void **state)
{
    char *path = golden_path("preprocess/crops.jsonl");
    ac_resizer resizer = { 0 };
    json_t *lines, *line;
    size_t i;

    (void) state;
    if (!path)
        skip();
    lines = test_read_jsonl(path);
    assert_true(json_array_size(lines) > 0);
    json_array_foreach(lines, i, line)
    {
        const ac_crop crop = { number(line, "i"), number(line, "j"), number(line, "h"),
                               number(line, "w") };
        const int64_t S = number(line, "size");
        char relative[256], hex[65], *file;
        ac_image image = { 0 };
        ac_item_status item_status = { 0 };
        uint8_t *rgb = malloc((size_t) (S * S * 3));

        snprintf(relative, sizeof relative, "preprocess/%s",
                 json_string_value(json_object_get(line, "file")));
        file = golden_path(relative);
        assert_non_null(file);
        assert_int_equal(ac_image_read_file(&image, file, 1 << 28, &item_status), AC_OK);
        assert_int_equal(item_status.reason, AC_GOOD);
        assert_int_equal(ac_image_crop_resize(rgb, &image, &crop, S, &resizer), AC_OK);
        test_sha256(hex, rgb, (size_t) (S * S * 3));
        if (strcmp(hex, json_string_value(json_object_get(line, "sha256"))) != 0)
            fail_msg("%s: other bytes than Pillow's",
                     json_string_value(json_object_get(line, "key")));
        ac_image_free(&image);
        free(rgb);
        free(file);
    }
    ac_resizer_free(&resizer);
    json_decref(lines);
    free(path);
}

static void
drawn_boxes_are_torchvisions(void **state)
{
    enum { N = 20000 };
    double area = 0, top = 0, left = 0;

    (void) state;
    for (uint32_t k = 0; k < N; k++) {
        const ac_crop c = ac_crop_draw(200, 180, 3, 77, k);
        assert_int_equal(c.width, c.height);
        assert_true(c.top >= 0 && c.left >= 0 && c.top + c.height <= 180 &&
                    c.left + c.width <= 200);
        assert_true((double) (c.width * c.width) >= 0.74 * 200 * 180);
        area += (double) (c.width * c.width) / (200 * 180) / N;
        top += c.height < 180 ? (double) c.top / (double) (180 - c.height) / N : 0.5 / N;
        left += (double) c.left / (double) (200 - c.width) / N;
    }
    /* only sides up to 180 are taken: shares from 0.75 to 0.9, evenly */
    assert_true(fabs(area - 0.825) < 0.003);
    assert_true(fabs(top - 0.5) < 0.01 && fabs(left - 0.5) < 0.01);
}

static void
an_oblong_image_gives_its_middle(void **state)
{
    const ac_crop tall = ac_crop_draw(100, 301, 1, 2, 3), one = ac_crop_draw(1, 1, 1, 2, 3);

    (void) state;
    assert_true(tall.width == 100 && tall.height == 100 && tall.left == 0 && tall.top == 100);
    assert_true(one.width == 1 && one.height == 1 && one.left == 0 && one.top == 0);
}

static void
same_numbers_same_box(void **state)
{
    const ac_crop a = ac_crop_draw(500, 480, 1, 2, 3), b = ac_crop_draw(500, 480, 1, 2, 3),
                  c = ac_crop_draw(500, 480, 1, 2, 4);

    (void) state;
    assert_memory_equal(&a, &b, sizeof a);
    assert_memory_not_equal(&a, &c, sizeof a);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_equal_pillows),
        cmocka_unit_test(drawn_boxes_are_torchvisions),
        cmocka_unit_test(an_oblong_image_gives_its_middle),
        cmocka_unit_test(same_numbers_same_box),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
