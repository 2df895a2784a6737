/* Images -> CLIP's input: equality of bytes with Pillow 13 (golden/preprocess/README.md). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/image/preprocess.h"
#include "io/image/decode.h"
#include "io/checkpoint/safetensors.h"
#include "tests/support/golden.h"

enum { MAX_PIXELS = 178956970 };

static int wrong;

static void
expect_digest(const char *file, const char *what, const json_t *line, const char *key,
              const void *bytes, size_t n)
{
    const char *expected = json_string_value(json_object_get(line, key));
    char hex[65];

    if (!expected)
        return;
    test_sha256(hex, bytes, n);
    if (strcmp(hex, expected) != 0) {
        print_error("%s: %s differs\n", file, what);
        wrong++;
    }
}

static void
check_image(const char *folder, const json_t *line)
{
    const char *file = json_string_value(json_object_get(line, "file"));
    char path[4096];
    ac_image p;
    ac_item_status v;
    ac_resizer resizer = { 0 };
    uint8_t *rgb;
    const char *key;
    json_t *digest;
    int64_t n;
    int sizes = 0;

    snprintf(path, sizeof path, "%s/%s", folder, file);
    assert_int_equal(ac_image_read_file(&p, path, MAX_PIXELS, &v), AC_OK);
    if (v.reason != AC_GOOD) {
        print_error("%s: %s, %s\n", file, ac_reject_reason_name(v.reason), v.detail);
        wrong++;
        return;
    }
    if (strcmp(ac_image_mode_name(p.mode), json_string_value(json_object_get(line, "mode"))) !=
            0 ||
        p.width != json_integer_value(json_object_get(line, "width")) ||
        p.height != json_integer_value(json_object_get(line, "height"))) {
        print_error("%s: mode %s, %lld x %lld\n", file, ac_image_mode_name(p.mode),
                    (long long) p.width, (long long) p.height);
        wrong++;
    }
    n = p.width * p.height;
    if (p.mode != AC_MODE_1)
        expect_digest(file, "decoded", line, "decoded_sha256", p.pixels,
                      (size_t) (n * ac_image_pixel_bytes(p.mode)));
    rgb = calloc((size_t) n, 3);
    ac_image_to_rgb(rgb, p.pixels, n, p.mode, p.palette);
    expect_digest(file, "decoded RGB", line, "decoded_rgb_sha256", rgb, (size_t) n * 3);
    json_object_foreach((json_t *) (uintptr_t) line, key, digest)
    {
        int64_t size;
        if (sscanf(key, "sha256_%" SCNd64, &size) != 1)
            continue;
        rgb = realloc(rgb, (size_t) (size * size * 3));
        assert_int_equal(ac_image_clip_resize(rgb, &p, size, &resizer), AC_OK);
        expect_digest(file, key, line, key, rgb, (size_t) (size * size * 3));
        sizes++;
    }
    assert_true(sizes > 0);
    free(rgb);
    ac_resizer_free(&resizer);
    ac_image_free(&p);
}

static void
images(void **state)
{
    char *folder = golden_path("preprocess"), *path = golden_path("preprocess/expected.jsonl");
    json_t *lines, *line;
    size_t i;

    (void) state;
    if (!folder || !path)
        skip();
    wrong = 0;
    lines = test_read_jsonl(path);
    assert_true(json_array_size(lines) > 0);
    json_array_foreach(lines, i, line) check_image(folder, line);
    assert_int_equal(wrong, 0);
    json_decref(lines);
    free(folder);
    free(path);
}

static void
broken(void **state)
{
    char *folder = golden_path("preprocess"), *path = golden_path("preprocess/broken.jsonl"),
         file[4096];
    json_t *lines, *line;
    size_t i;

    (void) state;
    if (!folder || !path)
        skip();
    wrong = 0;
    lines = test_read_jsonl(path);
    assert_true(json_array_size(lines) > 0);
    json_array_foreach(lines, i, line)
    {
        const char *name = json_string_value(json_object_get(line, "file")),
                   *verdict = json_string_value(json_object_get(line, "verdict"));
        ac_image p;
        ac_item_status v;
        snprintf(file, sizeof file, "%s/%s", folder, name);
        assert_int_equal(access(file, F_OK), 0);
        assert_int_equal(ac_image_read_file(&p, file, MAX_PIXELS, &v), AC_OK);
        /* "unsupported": formats that were not read when these files were made, and now are */
        if ((strcmp(verdict, "ok") == 0 && v.reason != AC_GOOD) ||
            (strcmp(verdict, "reject") == 0 && v.reason == AC_GOOD)) {
            print_error("%s: wanted %s, found %s (%s)\n", name, verdict,
                        ac_reject_reason_name(v.reason), v.detail);
            wrong++;
        }
        ac_image_free(&p);
    }
    assert_int_equal(wrong, 0);
    json_decref(lines);
    free(folder);
    free(path);
}

/* NAME/SIZE -> f32 [3, S, S]: exactly (v / 255 - mean) / std in fp32, so 1e-6. */
static void
normalised(void **state)
{
    char *folder = golden_path("preprocess/images"),
         *path = golden_path("preprocess/expected_float.safetensors");
    ac_safetensors golden;

    (void) state;
    if (!folder || !path)
        skip();
    assert_int_equal(ac_safetensors_open(&golden, path), AC_OK);
    assert_true(golden.tensors.count > 0);
    for (int64_t i = 0; i < golden.tensors.count; i++) {
        const ac_tensor *t = &golden.tensors.items[i];
        const int64_t S = t->shape[1];
        const ac_preprocess_recipe recipe = ac_preprocess_openai(S);
        char file[4096];
        ac_image p;
        ac_item_status v;
        ac_resizer resizer = { 0 };
        uint8_t *rgb = calloc((size_t) (S * S), 3);
        float *y = calloc((size_t) (S * S * 3), sizeof *y),
              *expected = calloc((size_t) (S * S * 3), sizeof *y);
        snprintf(file, sizeof file, "%s/%.*s", folder, (int) (strrchr(t->name, '/') - t->name),
                 t->name);
        assert_int_equal(ac_image_read_file(&p, file, MAX_PIXELS, &v), AC_OK);
        assert_int_equal(v.reason, AC_GOOD);
        assert_int_equal(ac_image_clip_resize(rgb, &p, S, &resizer), AC_OK);
        ac_image_normalise(y, rgb, &recipe);
        ac_tensor_read(t, expected, 0, S * S * 3);
        test_assert_close(t->name, y, expected, S * S * 3, 1e-6);
        ac_image_free(&p);
        ac_resizer_free(&resizer);
        free(rgb);
        free(y);
        free(expected);
    }
    ac_safetensors_close(&golden);
    free(folder);
    free(path);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(images), cmocka_unit_test(broken),
                                        cmocka_unit_test(normalised) };

    return golden_result(cmocka_run_group_tests(tests, NULL, NULL));
}
