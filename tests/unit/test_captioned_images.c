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
    put("captions.json",
        "{\"images\": [{\"id\": 7, \"file_name\": \"sub/c.JPEG\"}, {\"license\": 4, "
        "\"coco_url\": \"u/3\", \"id\": 3.0, \"file_name\": \"b.jpg\"},"
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
    assert_string_equal(text.data, "{\"image_id\": 3, \"license\": 4, \"coco_url\": \"u/3\", "
                                   "\"file_name\": \"b.jpg\"}");
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

/* ---- a large input: its index is a file ---- */

enum { MANY = 65600 };

static char large[64];

static FILE *
create(const char *format, int i)
{
    char name[64], path[160];
    FILE *f;

    snprintf(name, sizeof name, format, i);
    snprintf(path, sizeof path, "%s/%s", large, name);
    f = fopen(path, "wb");
    assert_non_null(f);
    return f;
}

/* captions: those stay with the process that opened the source. */
static void
check_same(const ac_image_source *a, const ac_image_source *b, bool with_captions)
{
    ac_buffer x = { 0 }, y = { 0 };
    ac_texts s = { 0 }, t = { 0 };

    assert_int_equal(a->count, b->count);
    assert_string_equal(a->fingerprint, b->fingerprint);
    for (int64_t i = 0; i < a->count; i++) {
        ac_item_status p, q;
        assert_int_equal(ac_image_source_key(a, i, &x), AC_OK);
        assert_int_equal(ac_image_source_key(b, i, &y), AC_OK);
        assert_string_equal(x.data, y.data);
        assert_int_equal(ac_image_source_page(a, i), ac_image_source_page(b, i));
        assert_int_equal(ac_image_source_check(a, i, &p), AC_OK);
        assert_int_equal(ac_image_source_check(b, i, &q), AC_OK);
        assert_int_equal(p.reason, q.reason);
        assert_string_equal(p.detail, q.detail);
        if (!with_captions)
            continue;
        assert_int_equal(ac_image_source_captions(a, i, &s), AC_OK);
        assert_int_equal(ac_image_source_captions(b, i, &t), AC_OK);
        assert_int_equal(s.count, t.count);
        for (int64_t k = 0; k < s.count; k++)
            assert_true(ac_texts_same(&s, k, &t, k));
        assert_int_equal(ac_image_source_metadata(a, i, &x), AC_OK);
        assert_int_equal(ac_image_source_metadata(b, i, &y), AC_OK);
        assert_int_equal(x.size, y.size);
        if (x.size)
            assert_string_equal(x.data, y.data);
    }
    ac_buffer_free(&x);
    ac_buffer_free(&y);
    ac_texts_free(&s);
    ac_texts_free(&t);
}

/* The same in memory, from the index, and in another process. */
static void
check_large(bool is_coco, const char *annotations)
{
    char index[160], texts[160];
    ac_image_options with_index = options;
    ac_image_source memory = { 0 }, mapped = { 0 }, other = { 0 };
    ac_caption_notes notes[2] = { { 0 } };
    ac_buffer packed = { 0 };

    snprintf(index, sizeof index, "%s/index.files", root);
    snprintf(texts, sizeof texts, "%s/index.texts", root);
    with_index.index = index;
    with_index.texts = is_coco ? texts : NULL;
    for (int k = 0; k < 2; k++) {
        ac_image_source *out = k ? &mapped : &memory;
        const ac_image_options *how = k ? &with_index : &options;
        assert_int_equal(
            is_coco ? ac_captioned_coco_open(out, annotations, large, how, &notes[k])
                    : ac_captioned_folder_open(out, large, "input.train", how, &notes[k]),
            AC_OK);
    }
    assert_int_equal(access(index, F_OK), 0);
    assert_true(memory.count >= MANY);
    assert_int_equal(notes[0].without_image, notes[1].without_image);
    check_same(&memory, &mapped, true);
    assert_int_equal(ac_images_pack(&mapped, &packed), AC_OK);
    assert_true(packed.size < MANY * 4); /* no keys */
    assert_int_equal(ac_images_unpack(&other, packed.data, packed.size), AC_OK);
    check_same(&memory, &other, is_coco); /* of annotations the captions are published */
    if (is_coco) {
        ac_image_source_free(&other);
        assert_int_equal(truncate(texts, 100000), 0);
        assert_int_equal(ac_images_unpack(&other, packed.data, packed.size), AC_E_FORMAT);
        assert_non_null(strstr(ac_error_message(), texts));
        remove(texts);
    }
    ac_image_source_free(&memory);
    ac_image_source_free(&mapped);
    ac_image_source_free(&other);
    for (int k = 0; k < 2; k++)
        ac_caption_notes_free(&notes[k]);
    ac_buffer_free(&packed);
    remove(index);
}

static void
large_inputs_are_mapped(void **state)
{
    char command[128], annotations[160];
    FILE *json;

    (void) state;
    snprintf(large, sizeof large, "/tmp/ac-captioned-XXXXXX");
    assert_non_null(mkdtemp(large));
    snprintf(annotations, sizeof annotations, "%s/a.json", root);
    json = fopen(annotations, "wb");
    assert_non_null(json);
    fprintf(json, "{\"images\": [");
    for (int i = 0; i < MANY; i++) { /* not in order; two of a key; numbers and words as ids */
        const int k = (int) ((int64_t) i * 7919 % MANY);
        fprintf(json, "%s{\"id\": %s%d%s, \"file_name\": \"%d.%s\"}", i ? "," : "",
                k % 3 ? "" : "\"n", k, k % 3 ? "" : "\"", k % 1000 ? k : k + 1,
                k % 1000 ? "jpg" : "png");
    }
    fprintf(json, "], \"annotations\": [{\"image_id\": -1, \"caption\": \"nobody's\"}");
    for (int i = 0; i < 3 * MANY; i++)
        if (i % 50 && i % MANY % 3)
            fprintf(json, ",{\"image_id\": %d, \"caption\": \"%s%d of %d\"}", i % MANY,
                    i % 7 ? "caption " : "Gr\u00fc\u00dfe ", i / MANY, i);
    fprintf(json, "]}");
    assert_int_equal(fclose(json), 0);
    check_large(true, annotations);

    for (int i = 0; i < MANY; i++) {
        fclose(create(i % 500 ? "%06d.jpg" : "%06d.png", i));
        if (i % 100 < 3) {
            FILE *f = create("%06d.txt", i);
            fprintf(f, i % 100 == 1 ? "bad \xff\n" : "caption of %d\nand more\n", i);
            fclose(f);
        }
        if (i % 1000 == 1)
            fclose(create("%06d.png", i)); /* a second one of its key */
    }
    fclose(create("orphan%d.txt", 1));
    check_large(false, NULL);
    snprintf(command, sizeof command, "rm -r '%s'", large);
    assert_int_equal(system(command), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folder),
        cmocka_unit_test(fingerprint_follows_words_and_images),
        cmocka_unit_test(coco),
        cmocka_unit_test(messages_name_the_key_and_the_remedy),
        cmocka_unit_test(large_inputs_are_mapped),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
