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

#include "io/source/captioned_images.h"
#include "io/source/open_images.h"

static const ac_image_options options;
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
check_key(const ac_image_source *source, int64_t i, const char *expected)
{
    ac_buffer key = { 0 };

    assert_int_equal(ac_image_source_key(source, i, &key), AC_OK);
    assert_string_equal(key.data, expected);
    ac_buffer_free(&key);
}

static int
reason(const ac_image_source *source, int64_t i)
{
    ac_item_status status;

    assert_int_equal(ac_image_source_check(source, i, &status), AC_OK);
    return status.reason;
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
    ac_image_source source, there;
    ac_caption_notes notes = { 0 };
    ac_texts captions = { 0 };
    ac_buffer packed = { 0 };

    (void) state;
    assert_int_equal(ac_captioned_folder_open(&source, root, "input.train", &options, &notes),
                     AC_OK);
    assert_int_equal(source.count, 7);
    assert_int_equal(ac_images_pack(&source, &packed), AC_OK);
    assert_int_equal(ac_images_unpack(&there, packed.data, packed.size), AC_OK);
    assert_int_equal(there.count, source.count);
    assert_string_equal(there.fingerprint, source.fingerprint);
    for (int64_t i = 0; i < source.count; i++) {
        check_key(&source, i, expected[i].key);
        check_key(&there, i, expected[i].key);
        assert_int_equal(reason(&source, i), expected[i].bad);
        assert_int_equal(reason(&there, i), expected[i].bad);
        assert_int_equal(ac_image_source_captions(&source, i, &captions), AC_OK);
        assert_int_equal(captions.count, expected[i].captions);
        assert_int_equal(ac_image_source_captions(&there, i, &captions), AC_OK);
        assert_int_equal(captions.count, 0); /* they stay with who read them */
    }
    assert_int_equal(ac_image_source_captions(&source, 1, &captions), AC_OK);
    check_text(&captions, 0, "first");
    check_text(&captions, 1, "second");
    check_text(&captions, 2, "third");
    assert_int_equal(notes.empty_captions, 4);
    assert_int_equal(notes.without_image, 2);
    check_text(&notes.names_without_image, 0, "orphan.txt");
    check_text(&notes.names_without_image, 1, "sub/zz.txt");
    ac_image_source_free(&source);
    ac_image_source_free(&there);
    ac_caption_notes_free(&notes);
    ac_texts_free(&captions);
    ac_buffer_free(&packed);
}

static void
take_fingerprint(char hex[33])
{
    ac_image_source source;
    ac_caption_notes notes = { 0 };

    assert_int_equal(ac_captioned_folder_open(&source, root, "input.train", &options, &notes),
                     AC_OK);
    memcpy(hex, source.fingerprint, 33);
    ac_image_source_free(&source);
    ac_caption_notes_free(&notes);
}

static void
fingerprint_follows_words_and_images(void **state)
{
    char before[33], after[33];

    (void) state;
    take_fingerprint(before);
    put("sub/c.txt", "two\n"); /* as long as before */
    take_fingerprint(after);
    assert_string_not_equal(before, after);
    put("sub/c.txt", "one\n");
    put("sub/c.JPEG", "another image");
    take_fingerprint(after);
    assert_string_not_equal(before, after);
    put("sub/c.JPEG", "image");
    take_fingerprint(after);
    assert_string_equal(before, after);
}

static void
coco(void **state)
{
    ac_image_source source;
    ac_caption_notes notes = { 0 };
    ac_texts captions = { 0 };
    ac_buffer text = { 0 };
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
    assert_int_equal(ac_captioned_coco_open(&source, annotations, root, &options, &notes),
                     AC_OK);
    assert_int_equal(source.count, 4); /* by key: a, b, gone, sub/c */
    check_key(&source, 0, "a");
    assert_int_equal(reason(&source, 0), AC_REJECT_NO_CAPTION);
    check_key(&source, 1, "b");
    assert_int_equal(ac_image_source_captions(&source, 1, &captions), AC_OK);
    assert_int_equal(captions.count, 1);
    check_text(&captions, 0, "a b");
    assert_int_equal(ac_image_source_metadata(&source, 1, &text), AC_OK);
    assert_string_equal(text.data, "{\"image_id\": 3}");
    check_key(&source, 2, "gone"); /* found out when it is read */
    assert_int_equal(reason(&source, 2), AC_GOOD);
    check_key(&source, 3, "sub/c");
    assert_int_equal(ac_image_source_locate(&source, 3, &text), AC_OK);
    assert_string_equal(text.data, "sub/c.JPEG");
    assert_int_equal(ac_image_source_captions(&source, 3, &captions), AC_OK);
    check_text(&captions, 0, "c");
    assert_int_equal(notes.empty_captions, 1);
    assert_int_equal(notes.without_image, 1);
    check_text(&notes.names_without_image, 0, "image_id 99");
    ac_image_source_free(&source);
    ac_caption_notes_free(&notes);
    ac_texts_free(&captions);
    ac_buffer_free(&text);
    unlink(annotations);
}

static void
messages_name_the_key_and_the_remedy(void **state)
{
    ac_image_source source;
    ac_caption_notes notes = { 0 };

    (void) state;
    assert_int_equal(
        ac_captioned_folder_open(&source, at("nowhere"), "input.validation", &options, &notes),
        AC_E_IO);
    assert_non_null(strstr(ac_error_message(), "input.validation"));
    assert_int_equal(
        ac_captioned_folder_open(&source, at("b.jpg"), "input.train", &options, &notes),
        AC_E_ARG);
    assert_non_null(strstr(ac_error_message(), "input.train.annotations"));
    assert_int_equal(
        ac_captioned_coco_open(&source, at("captions.json"), "/nowhere", &options, &notes),
        AC_E_IO);
    assert_int_equal(source.count, 0);
    assert_null(source.type);
    ac_image_source_free(&source);
    ac_caption_notes_free(&notes);
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
