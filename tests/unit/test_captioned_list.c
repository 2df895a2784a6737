/* Captioned images from a folder and from COCO's annotations: order, captions, what is bad and
 * why, fingerprints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/source/captioned_list.h"

static char root[64];

static const char *
at(const char *relative)
{
    static char path[256];

    snprintf(path, sizeof path, "%s/%s", root, relative);
    return path;
}

static void
put(const char *relative, const char *text)
{
    FILE *f = fopen(at(relative), "wb");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int
make_folder(void **state)
{
    (void) state;
    snprintf(root, sizeof root, "/tmp/ac-captioned-XXXXXX");
    assert_non_null(mkdtemp(root));
    assert_int_equal(mkdir(at("sub"), 0755), 0);
    put("b.jpg", "image");
    put("b.txt", "  first \r\n\n\tsecond\n   \nthird");
    put("a.png", "image");
    put("sub/c.JPEG", "image");
    put("sub/c.txt", "one\n");
    put("d.jpg", "image");
    put("d.png", "another of the same key");
    put("d.txt", "of both\n");
    put("e.webp", "image");
    put("e.txt", "bad \xff\n");
    put("f.bmp", "image");
    put("f.txt", "\n \n");
    put("orphan.txt", "no image\n");
    put("sub/zz.txt", "none here either\n");
    return 0;
}

static int
remove_folder(void **state)
{
    char command[128];

    (void) state;
    snprintf(command, sizeof command, "rm -r '%s'", root);
    return system(command);
}

static void
check_text(const ac_texts *texts, int64_t i, const char *expected)
{
    assert_true(i < texts->count);
    assert_int_equal(ac_texts_size(texts, i), strlen(expected));
    assert_memory_equal(ac_texts_at(texts, i), expected, strlen(expected));
}

static void
folder(void **state)
{
    static const struct {
        const char *key;
        int bad;
        int captions;
    } expected[] = {
        { "a", AC_REJECT_NO_CAPTION, 0 },
        { "b", AC_GOOD, 3 },
        { "d", AC_GOOD, 1 },
        { "d", AC_REJECT_DUPLICATE_KEY, 0 },
        { "e", AC_REJECT_CAPTION_NOT_UTF8, 0 },
        { "f", AC_REJECT_NO_CAPTION, 0 },
        { "sub/c", AC_GOOD, 1 },
    };
    ac_captioned_list list = { 0 };

    (void) state;
    assert_int_equal(ac_captioned_list_read(&list, root, "input.train"), AC_OK);
    assert_int_equal(list.count, 7);
    assert_int_equal(list.good, 3);
    for (int64_t i = 0; i < list.count; i++) {
        check_text(&list.keys, i, expected[i].key);
        assert_int_equal(list.bad[i], expected[i].bad);
        assert_int_equal(list.caption_offsets[i + 1] - list.caption_offsets[i],
                         expected[i].captions);
    }
    check_text(&list.captions, 0, "first");
    check_text(&list.captions, 1, "second");
    check_text(&list.captions, 2, "third");
    assert_int_equal(list.empty_captions, 4);
    assert_int_equal(list.without_image, 2);
    check_text(&list.names_without_image, 0, "orphan.txt");
    check_text(&list.names_without_image, 1, "sub/zz.txt");
    ac_captioned_list_free(&list);
}

static void
fingerprint_follows_words_and_images(void **state)
{
    ac_captioned_list before = { 0 }, words = { 0 }, images = { 0 };

    (void) state;
    assert_int_equal(ac_captioned_list_read(&before, root, "input.train"), AC_OK);
    put("sub/c.txt", "two\n"); /* as long as before */
    assert_int_equal(ac_captioned_list_read(&words, root, "input.train"), AC_OK);
    assert_string_not_equal(before.fingerprint, words.fingerprint);
    put("sub/c.txt", "one\n");
    put("sub/c.JPEG", "another image");
    assert_int_equal(ac_captioned_list_read(&images, root, "input.train"), AC_OK);
    assert_string_not_equal(before.fingerprint, images.fingerprint);
    put("sub/c.JPEG", "image");
    ac_captioned_list_free(&words);
    assert_int_equal(ac_captioned_list_read(&words, root, "input.train"), AC_OK);
    assert_string_equal(before.fingerprint, words.fingerprint);
    ac_captioned_list_free(&before);
    ac_captioned_list_free(&words);
    ac_captioned_list_free(&images);
}

static void
coco(void **state)
{
    ac_captioned_list list = { 0 };
    char annotations[256];

    (void) state;
    put("captions.json", "{\"images\": [{\"id\": 7, \"file_name\": \"sub/c.JPEG\"}, {\"id\": "
                         "3, \"file_name\": \"b.jpg\"},"
                         "{\"id\": 4, \"file_name\": \"gone.jpg\"}, {\"id\": 5, \"file_name\": "
                         "\"a.png\"}], \"annotations\": ["
                         "{\"image_id\": 3, \"caption\": \" a b \"}, {\"image_id\": 7, "
                         "\"caption\": \"c\"}, {\"image_id\": 3, \"caption\": \"\"},"
                         "{\"image_id\": 4, \"caption\": \"of a file that is not there\"}, "
                         "{\"image_id\": 99, \"caption\": \"x\"}]}");
    snprintf(annotations, sizeof annotations, "%s", at("captions.json"));
    assert_int_equal(ac_captioned_list_read_coco(&list, annotations, root), AC_OK);
    assert_int_equal(list.count, 4); /* by key: a, b, gone, sub/c */
    check_text(&list.keys, 0, "a");
    assert_int_equal(list.bad[0], AC_REJECT_NO_CAPTION);
    check_text(&list.keys, 1, "b");
    check_text(&list.captions, 0, "a b");
    check_text(&list.keys, 2, "gone"); /* found out when it is opened */
    assert_int_equal(list.bad[2], AC_GOOD);
    check_text(&list.keys, 3, "sub/c");
    check_text(&list.captions, list.caption_offsets[3], "c");
    assert_int_equal(list.empty_captions, 1);
    assert_int_equal(list.without_image, 1);
    check_text(&list.names_without_image, 0, "image_id 99");
    ac_captioned_list_free(&list);
    unlink(annotations);
}

static void
messages_name_the_key_and_the_remedy(void **state)
{
    ac_captioned_list list = { 0 };

    (void) state;
    assert_int_equal(ac_captioned_list_read(&list, at("nowhere"), "input.validation"), AC_E_IO);
    assert_non_null(strstr(ac_error_message(), "input.validation"));
    assert_int_equal(ac_captioned_list_read(&list, at("b.jpg"), "input.train"), AC_E_ARG);
    assert_non_null(strstr(ac_error_message(), "input.train.annotations"));
    assert_int_equal(ac_captioned_list_read_coco(&list, at("captions.json"), "/nowhere"),
                     AC_E_IO);
    assert_int_equal(list.count, 0);
    ac_captioned_list_free(&list);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folder),
        cmocka_unit_test(fingerprint_follows_words_and_images),
        cmocka_unit_test(coco),
        cmocka_unit_test(messages_name_the_key_and_the_remedy),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
