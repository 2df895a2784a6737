/* The formats beyond JPEG, PNG and WebP, and 16-bit grey, against Pillow 13 with pillow_heif
 * and pillow_jxl: equality of bytes, or the tolerance of the line where the library is another
 * version (golden/pictures_more/README.md). A format that this build leaves out is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/image/preprocess.h"
#include "io/checkpoint/safetensors.h"
#include "io/image/decode.h"
#include "tests/support/golden.h"

enum { MAX_PIXELS = 178956970 };

static int wrong;

static void
say(const char *file, const char *what)
{
    print_error("%s: %s\n", file, what);
    wrong++;
}

/* Whether this build reads the format of the file. One that it does not must be rejected so. */
static bool
is_built(const char *path, const char *file, const ac_item_status *status)
{
    size_t n;
    char *bytes = test_read_file(path, &n);
    const char *name = ac_image_format_name(bytes, n);
    ac_image_format format;

    free(bytes);
    for (int i = 0; name && ac_image_format_at(i, &format); i++)
        if (strcmp(format.name, name) == 0 && !format.built) {
            if (status->reason != AC_REJECT_UNSUPPORTED_FORMAT)
                say(file, "this build does not read it, and rejects it for another reason");
            print_message("%s: not compared, this build does not read %s\n", file, name);
            return false;
        }
    return true;
}

static bool
has_digest(const json_t *line, const char *key, const void *bytes, size_t n)
{
    const char *expected = json_string_value(json_object_get(line, key));
    char hex[65];

    test_sha256(hex, bytes, n);
    return !expected || strcmp(hex, expected) == 0;
}

static void
check_digest(const char *file, const json_t *line, const char *key, const void *bytes, size_t n)
{
    if (!has_digest(line, key, bytes, n))
        say(file, key);
}

static void
resized(uint8_t *rgb, const ac_image *p, int64_t size)
{
    ac_resizer resizer = { 0 };

    assert_int_equal(ac_image_clip_resize(rgb, p, size, &resizer), AC_OK);
    ac_resizer_free(&resizer);
}

/* Pixels in the image's own mode; a mode of one bit is stored as bytes here. */
static void
check_decoded(const char *file, const json_t *line, const ac_image *p)
{
    const char *mode = json_string_value(json_object_get(line, "mode"));
    const int64_t n = p->width * p->height;
    uint8_t *rgb = calloc((size_t) n, 3);

    if (strcmp(ac_image_mode_name(p->mode), mode) != 0 ||
        p->width != json_integer_value(json_object_get(line, "width")) ||
        p->height != json_integer_value(json_object_get(line, "height"))) {
        print_error("%s: mode %s, %lld x %lld\n", file, ac_image_mode_name(p->mode),
                    (long long) p->width, (long long) p->height);
        wrong++;
    }
    if (json_is_true(json_object_get(line, "exact"))) {
        if (p->mode != AC_MODE_1)
            check_digest(file, line, "decoded_sha256", p->pixels,
                         (size_t) (n * ac_image_pixel_bytes(p->mode)));
        ac_image_to_rgb(rgb, p->pixels, n, p->mode, p->palette);
        check_digest(file, line, "decoded_rgb_sha256", rgb, (size_t) n * 3);
    }
    free(rgb);
}

static void
check_tolerance(const char *file, const json_t *line, const ac_tensor *t, const uint8_t *rgb)
{
    const json_t *limit = json_object_get(line, "tolerance");
    const double most = json_number_value(json_object_get(limit, "max")),
                 mean = json_number_value(json_object_get(limit, "mean"));
    const int64_t n = ac_tensor_count(t);
    double largest = 0, sum = 0;

    assert_true(n > 0 && most > 0);
    for (int64_t i = 0; i < n; i++) {
        const double d = fabs((double) rgb[i] - ((const uint8_t *) t->data)[i]);
        largest = d > largest ? d : largest;
        sum += d;
    }
    if (largest > most || sum / (double) n > mean) {
        print_error("%s: up to %g (%g allowed), mean %g (%g)\n", file, largest, most,
                    sum / (double) n, mean);
        wrong++;
    }
}

static void
check_image(const char *folder, const json_t *line, const ac_safetensors *golden)
{
    const char *file = json_string_value(json_object_get(line, "file")),
               *same = json_string_value(json_object_get(line, "same_as"));
    const bool exact = json_is_true(json_object_get(line, "exact"));
    char path[4096], name[4096];
    uint8_t *rgb = malloc(224 * 224 * 3);
    ac_image p;
    ac_item_status v;

    snprintf(path, sizeof path, "%s/%s", folder, file);
    assert_int_equal(ac_image_read_file(&p, path, MAX_PIXELS, &v), AC_OK);
    if (is_built(path, file, &v) && v.reason != AC_GOOD) {
        print_error("%s: %s, %s\n", file, ac_reject_reason_name(v.reason), v.detail);
        wrong++;
    } else if (v.reason == AC_GOOD) {
        const ac_tensor *t;
        check_decoded(file, line, &p);
        resized(rgb, &p, 224);
        if (exact)
            check_digest(file, line, "sha256_224", rgb, 224 * 224 * 3);
        resized(rgb, &p, 96);
        if (exact)
            check_digest(file, line, "sha256_96", rgb, 96 * 96 * 3);
        snprintf(name, sizeof name, "%s/96", same ? same : strchr(file, '/') + 1);
        t = golden ? ac_tensors_find(&golden->tensors, name) : NULL;
        if (!exact && !t)
            say(file, "no expected pixels");
        else if (!exact)
            check_tolerance(file, line, t, rgb);
    }
    ac_image_free(&p);
    free(rgb);
}

static void
images(void **state)
{
    char *folder = golden_path("pictures_more"),
         *path = golden_path("pictures_more/expected.jsonl"),
         *pixels = golden_path("pictures_more/expected_rgb.safetensors");
    ac_safetensors golden;
    json_t *lines, *line;
    size_t i;

    (void) state;
    if (!folder || !path || !pixels)
        skip();
    wrong = 0;
    assert_int_equal(ac_safetensors_open(&golden, pixels), AC_OK);
    lines = test_read_jsonl(path);
    assert_true(json_array_size(lines) > 0);
    json_array_foreach(lines, i, line) check_image(folder, line, &golden);
    assert_int_equal(wrong, 0);
    json_decref(lines);
    ac_safetensors_close(&golden);
    free(folder);
    free(path);
    free(pixels);
}

/* What lies beside the files above: made by tests/golden/make/image_neighbours.py, all exact.
 */
static void
neighbours(void **state)
{
    char *folder = golden_path("image_neighbours"),
         *path = golden_path("image_neighbours/expected.jsonl");
    json_t *lines, *line;
    size_t i;

    (void) state;
    if (!folder || !path)
        skip();
    wrong = 0;
    lines = test_read_jsonl(path);
    assert_true(json_array_size(lines) > 0);
    json_array_foreach(lines, i, line) check_image(folder, line, NULL);
    assert_int_equal(wrong, 0);
    json_decref(lines);
    free(folder);
    free(path);
}

static void
check_broken(const char *folder, const json_t *line)
{
    const char *file = json_string_value(json_object_get(line, "file")),
               *verdict = json_string_value(json_object_get(line, "verdict"));
    char path[4096];
    uint8_t *rgb = malloc(96 * 96 * 3);
    ac_image p;
    ac_item_status v;

    snprintf(path, sizeof path, "%s/%s", folder, file);
    assert_int_equal(ac_image_read_file(&p, path, MAX_PIXELS, &v), AC_OK);
    if (is_built(path, file, &v) && strcmp(verdict, "either") != 0 &&
        (strcmp(verdict, "ok") == 0) != (v.reason == AC_GOOD)) {
        print_error("%s: wanted %s, found %s (%s)\n", file, verdict,
                    ac_reject_reason_name(v.reason), v.detail);
        wrong++;
    }
    if (v.reason == AC_GOOD) { /* who takes it must read it right */
        resized(rgb, &p, 96);
        check_digest(file, line, "sha256_96", rgb, 96 * 96 * 3);
    } else if (!v.detail[0]) {
        say(file, "rejected without a word");
    }
    ac_image_free(&p);
    free(rgb);
}

static void
broken(void **state)
{
    char *folder = golden_path("pictures_more"),
         *path = golden_path("pictures_more/broken.jsonl");
    json_t *lines, *line;
    size_t i;

    (void) state;
    if (!folder || !path)
        skip();
    wrong = 0;
    lines = test_read_jsonl(path);
    assert_true(json_array_size(lines) > 0);
    json_array_foreach(lines, i, line) check_broken(folder, line);
    assert_int_equal(wrong, 0);
    json_decref(lines);
    free(folder);
    free(path);
}

/* The 16 high bits of splitmix64's number i. */
static int64_t
draw(uint64_t seed, uint64_t i)
{
    uint64_t z = seed + (i + 1) * 0x9E3779B97F4A7C15u;

    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (int64_t) ((z ^ z >> 31) >> 48);
}

/* Pixel (x, y) of a picture of the list (tests/golden/make/grey16.py has the same). */
static int64_t
grey_at(const char *kind, int64_t x, int64_t y, int64_t w, int64_t h, uint64_t seed)
{
    const int64_t r = draw(seed, (uint64_t) (y * w + x));

    if (strcmp(kind, "noise") == 0)
        return r;
    if (strcmp(kind, "low_noise") == 0)
        return r % 420;
    if (strcmp(kind, "low_ramp") == 0)
        return x * 190 / w + y * 130 / h + r % 3;
    if (strcmp(kind, "smooth") == 0)
        return x * (w - 1 - x) * 600 / (w * w) + y * (h - 1 - y) * 400 / (h * h) + r % 2;
    assert_string_equal(kind, "edges");
    return draw(seed, (uint64_t) (y / 5 * 5 * w + x / 7 * 7)) % 300;
}

static void
check_grey16(const json_t *line)
{
    const char *kind = json_string_value(json_object_get(line, "kind"));
    const int64_t w = json_integer_value(json_object_get(line, "width")),
                  h = json_integer_value(json_object_get(line, "height")),
                  size = json_integer_value(json_object_get(line, "size"));
    const uint64_t seed = (uint64_t) json_integer_value(json_object_get(line, "seed"));
    uint16_t *pixels = calloc((size_t) (w * h), sizeof *pixels);
    uint8_t *rgb = malloc((size_t) (size * size * 3));
    const ac_image p = {
        .mode = AC_MODE_I16, .width = w, .height = h, .pixels = (uint8_t *) pixels
    };
    char name[100];

    assert_true(w > 0 && h > 0 && size > 0);
    for (int64_t i = 0; i < w * h; i++)
        pixels[i] = (uint16_t) grey_at(kind, i % w, i / w, w, h, seed);
    resized(rgb, &p, size);
    snprintf(name, sizeof name, "grey %lld: %s, %lld x %lld to %lld",
             (long long) json_integer_value(json_object_get(line, "n")), kind, (long long) w,
             (long long) h, (long long) size);
    check_digest(name, line, "sha256", rgb, (size_t) (size * size * 3));
    free(pixels);
    free(rgb);
}

static void
grey16(void **state)
{
    char *path = golden_path("pictures_more/grey16.jsonl");
    json_t *lines, *line;
    size_t i;

    (void) state;
    if (!path)
        skip();
    wrong = 0;
    lines = test_read_jsonl(path);
    assert_true(json_array_size(lines) >= 300);
    json_array_foreach(lines, i, line) check_grey16(line);
    assert_int_equal(wrong, 0);
    json_decref(lines);
    free(path);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(images), cmocka_unit_test(neighbours),
                                        cmocka_unit_test(broken), cmocka_unit_test(grey16) };

    return golden_result(cmocka_run_group_tests(tests, NULL, NULL));
}
