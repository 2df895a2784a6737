/* AC_TEST_LABELS: formats */
/* COCO's captions and results (golden/formats). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/source/coco.h"
#include "tests/support/formats.h"
#include "tests/support/golden.h"

static bool
same_text(const ac_spilled_texts *texts, int64_t i, const json_t *expected)
{
    size_t n;
    const char *text = ac_spilled_texts_at(texts, i, &n);

    return n == json_string_length(expected) &&
           memcmp(text, json_string_value(expected), n) == 0;
}

static void
check_captions(const char *name, const ac_coco *c, const json_t *first_five,
               const json_t *images)
{
    char id[32];

    if (json_object_size(first_five) != (size_t) c->count ||
        (images && json_array_size(images) != (size_t) c->count)) {
        test_format_wrong("%s: %lld images\n", name, (long long) c->count);
        return;
    }
    for (int64_t i = 0; i < c->count; i++) {
        const ac_coco_image *image = ac_coco_image_at(c, i);
        snprintf(id, sizeof id, "%lld", (long long) image->id);
        const json_t *captions = json_object_get(first_five, id);
        bool same =
            json_is_array(captions) && json_array_size(captions) == image->caption_count;
        for (size_t k = 0; same && k < image->caption_count; k++)
            same = same_text(&c->captions, image->captions[k], json_array_get(captions, k));
        if (!same ||
            (images && !same_text(&c->file_names, i, json_array_get(images, (size_t) i))))
            test_format_wrong("%s: image %s differs\n", name, id);
    }
}

/* Write what is expected, and read it with another parser. */
static void
check_results(const char *name, const json_t *expected)
{
    char path[] = "/tmp/ac_coco_XXXXXX";
    const int fd = mkstemp(path);
    const size_t n = json_array_size(expected);
    int64_t *ids = calloc(n + 1, sizeof *ids);
    ac_texts captions = { 0 };
    json_t *written;

    assert_true(fd >= 0);
    close(fd);
    for (size_t i = 0; i < n; i++) {
        const json_t *caption = json_object_get(json_array_get(expected, i), "caption");
        ids[i] = json_integer_value(json_object_get(json_array_get(expected, i), "image_id"));
        assert_int_equal(
            ac_texts_push(&captions, json_string_value(caption), json_string_length(caption)),
            AC_OK);
    }
    assert_int_equal(ac_coco_results_write(path, ids, &captions, (int64_t) n), AC_OK);
    written = test_read_json(path);
    if (!json_equal(written, expected))
        test_format_wrong("%s: written differently\n", name);
    json_decref(written);
    unlink(path);
    ac_texts_free(&captions);
    free(ids);
}

/* Captions of images that the file does not list are counted, and the first is named. */
static void
check_unlisted(const char *name, const char *path, const ac_coco *c)
{
    json_error_t error;
    json_t *file = json_load_file(path, 0, &error), *note, *image;
    int64_t unlisted = 0;
    char first[32] = "";
    size_t i, k;

    if (!file) /* a byte-order mark, which this parser refuses */
        return;
    json_array_foreach(json_object_get(file, "annotations"), i, note)
    {
        const json_int_t id = json_integer_value(json_object_get(note, "image_id"));
        bool listed = false;
        json_array_foreach(json_object_get(file, "images"), k, image)
        {
            listed = listed || json_integer_value(json_object_get(image, "id")) == id;
        }
        if (!listed && unlisted++ == 0)
            snprintf(first, sizeof first, "%lld", (long long) id);
    }
    if (c->unlisted != unlisted || (unlisted && strcmp(c->first_unlisted, first) != 0))
        test_format_wrong("%s: %lld unlisted, the first %s\n", name, (long long) c->unlisted,
                          c->first_unlisted);
    json_decref(file);
}

static void
check(const char *name, const char *path, const json_t *expected)
{
    ac_coco c;

    if (json_object_get(expected, "results")) {
        check_results(name, json_object_get(expected, "results"));
        return;
    }
    if (test_format_verdict(name, expected, ac_coco_read(&c, path))) {
        if (json_object_get(expected, "first_five"))
            check_captions(name, &c, json_object_get(expected, "first_five"),
                           json_object_get(expected, "images"));
        check_unlisted(name, path, &c);
    }
    ac_coco_free(&c);
}

static void
coco(void **state)
{
    (void) state;
    test_format_topic("coco", check);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(coco) };

    return golden_result(cmocka_run_group_tests(tests, NULL, NULL));
}
