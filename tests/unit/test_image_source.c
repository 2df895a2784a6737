/* Images from a folder, a list and one file: keys, locations that do not name where the input
 * lies, bytes, captions; joined sources; locations found again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/source/joined_images.h"
#include "io/source/location.h"
#include "io/source/open_images.h"

static const ac_image_options options;
static char root[64], beside[64];

static const char *
at(const char *relative)
{
    static char path[256];

    snprintf(path, sizeof path, "%s/%s", root, relative);
    return path;
}

static void
put(const char *folder, const char *relative, const char *text)
{
    char path[256];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", folder, relative);
    f = fopen(path, "wb");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void
fill(char *folder)
{
    char path[256];

    snprintf(folder, 64, "/tmp/ac-images-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/sub", folder);
    assert_int_equal(mkdir(path, 0755), 0);
    snprintf(path, sizeof path, "%s/z.jpg", folder);
    assert_int_equal(mkdir(path, 0755), 0);
    put(folder, "b.jpg", "bytes of b");
    put(folder, "b.txt", " one \r\n\ntwo\nthree");
    put(folder, "a.png", "");
    put(folder, "sub/c.JPEG", "c");
    put(folder, "sub/c.webp", "also c");
    put(folder, "sub/notes.md", "no image");
}

static int
make_folders(void **state)
{
    (void) state;
    fill(root);
    fill(beside);
    return 0;
}

static int
remove_folders(void **state)
{
    char command[256];

    (void) state;
    snprintf(command, sizeof command, "rm -r '%s' '%s'", root, beside);
    return system(command);
}

/* "key location" of an item. */
static void
check_item(const ac_image_source *source, int64_t i, const char *key, const char *location)
{
    ac_buffer text = { 0 };

    assert_true(i < source->count);
    assert_int_equal(ac_image_source_key(source, i, &text), AC_OK);
    assert_string_equal(text.data, key);
    assert_int_equal(ac_image_source_locate(source, i, &text), AC_OK);
    assert_string_equal(text.data, location);
    ac_buffer_free(&text);
}

static int
reason(const ac_image_source *source, int64_t i)
{
    ac_item_status status;

    assert_int_equal(ac_image_source_check(source, i, &status), AC_OK);
    return status.reason;
}

static void
check_file(const ac_image_source *source, int64_t i, const char *expected)
{
    char *path = NULL;

    assert_int_equal(ac_image_source_file(source, i, &path), AC_OK);
    assert_string_equal(path, expected);
    free(path);
}

static void
check_folder(const ac_image_source *source)
{
    assert_int_equal(source->count, 5);
    check_item(source, 0, "a", "a.png");
    check_item(source, 1, "b", "b.jpg");
    check_item(source, 2, "sub/c", "sub/c.JPEG");
    check_item(source, 3, "sub/c", "sub/c.webp");
    check_item(source, 4, "z", "z.jpg");
    assert_int_equal(reason(source, 2), AC_GOOD);
    assert_int_equal(reason(source, 3), AC_REJECT_DUPLICATE_KEY);
    check_file(source, 2, at("sub/c.JPEG"));
}

static void
folder(void **state)
{
    ac_image_source source, elsewhere, there;
    ac_buffer packed = { 0 }, bytes = { 0 };
    ac_item_status status;
    char slashes[80];

    (void) state;
    snprintf(slashes, sizeof slashes, "%s//", root);
    assert_int_equal(ac_images_open(&source, slashes, "input.path", &options), AC_OK);
    check_folder(&source);
    assert_int_equal(ac_images_open(&elsewhere, beside, "input.path", &options), AC_OK);
    assert_string_equal(source.fingerprint, elsewhere.fingerprint);
    assert_int_equal(ac_images_pack(&source, &packed), AC_OK);
    assert_int_equal(ac_images_unpack(&there, packed.data, packed.size), AC_OK);
    check_folder(&there);
    assert_string_equal(source.fingerprint, there.fingerprint);

    assert_int_equal(ac_image_source_read(&there, 1, &bytes, &status), AC_OK);
    assert_int_equal(status.reason, AC_GOOD);
    assert_int_equal(bytes.size, 10);
    assert_memory_equal(bytes.data, "bytes of b", 10);
    assert_int_equal(ac_image_source_read(&there, 0, &bytes, &status), AC_OK);
    assert_int_equal(status.reason, AC_GOOD); /* the decoder calls it empty */
    assert_int_equal(bytes.size, 0);
    assert_int_equal(ac_image_source_read(&there, 4, &bytes, &status), AC_OK);
    assert_int_equal(status.reason, AC_REJECT_UNREADABLE);
    assert_string_equal(status.detail, "a folder, not a file");
    ac_image_source_free(&source);
    ac_image_source_free(&elsewhere);
    ac_image_source_free(&there);
    ac_buffer_free(&packed);
    ac_buffer_free(&bytes);
}

static void
captions_are_the_lines_beside_an_image(void **state)
{
    ac_image_source source;
    ac_texts captions = { 0 };
    ac_buffer metadata = { 0 };

    (void) state;
    assert_int_equal(ac_images_open(&source, root, "input.path", &options), AC_OK);
    assert_int_equal(ac_image_source_captions(&source, 1, &captions), AC_OK);
    assert_int_equal(captions.count, 3); /* not stripped: they are given on as they are */
    assert_true(ac_texts_is(&captions, 0, " one ", 5));
    assert_true(ac_texts_is(&captions, 1, "two", 3));
    assert_true(ac_texts_is(&captions, 2, "three", 5));
    assert_int_equal(ac_image_source_captions(&source, 0, &captions), AC_OK);
    assert_int_equal(captions.count, 0);
    assert_int_equal(ac_image_source_metadata(&source, 1, &metadata), AC_OK);
    assert_int_equal(metadata.size, 0);
    ac_image_source_free(&source);
    ac_texts_free(&captions);
    ac_buffer_free(&metadata);
}

/* Names below the list's folder become relative, others stay as they are. */
static void
list(void **state)
{
    ac_image_source source;
    char text[512], key[128], absolute[128];

    (void) state;
    snprintf(text, sizeof text, "./sub/c.JPEG\r\n\nb.jpg\n%s/a.png\n%s/b.jpg\n../up.png\n",
             root, beside);
    put(root, "images.txt", text);
    assert_int_equal(ac_images_open(&source, at("images.txt"), "input.path", &options), AC_OK);
    assert_int_equal(source.count, 5);
    check_item(&source, 0, "../up", "../up.png");
    for (int64_t i = 1; i < 3; i++) { /* which is first follows from the folders' names */
        ac_buffer location = { 0 };
        const bool below = strcmp(root, beside) < 0 ? i == 1 : i == 2;
        assert_int_equal(ac_image_source_locate(&source, i, &location), AC_OK);
        snprintf(key, sizeof key, "%s/%s", below ? root : beside, below ? "a" : "b");
        snprintf(absolute, sizeof absolute, "%s/b.jpg", beside);
        check_item(&source, i, key, below ? "a.png" : absolute);
        check_file(&source, i, below ? at("a.png") : absolute);
        ac_buffer_free(&location);
    }
    check_item(&source, 3, "b", "b.jpg");
    check_item(&source, 4, "sub/c", "sub/c.JPEG");
    check_file(&source, 4, at("sub/c.JPEG"));
    ac_image_source_free(&source);
    unlink(at("images.txt"));
}

static void
one_image(void **state)
{
    ac_image_source source;

    (void) state;
    assert_int_equal(ac_images_open(&source, at("sub/c.webp"), "input.path", &options), AC_OK);
    assert_int_equal(source.count, 1);
    check_item(&source, 0, "c", "c.webp");
    check_file(&source, 0, at("sub/c.webp"));
    ac_image_source_free(&source);
}

static void
joined(void **state)
{
    ac_image_source parts[2], all;
    ac_joined_part how[2] = { { &parts[0], "train/", 2 }, { &parts[1], "validation/", 1 } };
    ac_buffer bytes = { 0 };
    ac_item_status status;

    (void) state;
    assert_int_equal(ac_images_open(&parts[0], root, "input.train", &options), AC_OK);
    assert_int_equal(ac_images_open(&parts[1], at("b.jpg"), "input.validation", &options),
                     AC_OK);
    assert_int_equal(ac_joined_images_open(&all, how, 2), AC_OK);
    assert_int_equal(all.count, 11);
    check_item(&all, 0, "train/a#0", "a.png");
    check_item(&all, 1, "train/a#1", "a.png");
    check_item(&all, 6, "train/sub/c#0", "sub/c.webp");
    check_item(&all, 10, "validation/b", "b.jpg");
    assert_int_equal(reason(&all, 4), AC_GOOD);
    assert_int_equal(reason(&all, 7), AC_REJECT_DUPLICATE_KEY);
    assert_int_equal(ac_image_source_read(&all, 10, &bytes, &status), AC_OK);
    assert_int_equal(bytes.size, 10);
    assert_string_not_equal(all.fingerprint, parts[0].fingerprint);
    ac_image_source_free(&all);
    ac_image_source_free(&parts[0]);
    ac_image_source_free(&parts[1]);
    ac_buffer_free(&bytes);
}

static void
check_resolved(const char *input, const char *location, const char *expected)
{
    char *path = NULL;

    assert_int_equal(ac_location_resolve(input, location, strlen(location), &path), AC_OK);
    assert_string_equal(path, expected);
    free(path);
}

static void
locations_are_found_again(void **state)
{
    char list_path[128], expected[128];
    char *sidecar = NULL;

    (void) state;
    snprintf(expected, sizeof expected, "%s/sub/c.JPEG", root);
    check_resolved(root, "sub/c.JPEG", expected);
    check_resolved(root, "/as/before.jpg", "/as/before.jpg");     /* a run of before */
    snprintf(list_path, sizeof list_path, "%s/images.txt", root); /* gone by now */
    check_resolved(list_path, "sub/c.JPEG", expected);
    snprintf(list_path, sizeof list_path, "%s/sub/c.webp", root);
    check_resolved(list_path, "c.JPEG", expected);
    check_resolved("/", "x.jpg", "/x.jpg");
    assert_int_equal(ac_location_sidecar("d.x/name", 8, ".txt", &sidecar), AC_OK);
    assert_string_equal(sidecar, "d.x/name.txt");
    free(sidecar);
    assert_int_equal(ac_location_sidecar("d/.jpg", 6, ".txt", &sidecar), AC_OK);
    assert_string_equal(sidecar, "d/.jpg.txt");
    free(sidecar);
}

/* A TIFF of three pages, as far as counting them goes. */
static void
put_pages(const char *relative)
{
    static const unsigned char page[] = { 1, 0, 0, 1, 3, 0, 1, 0, 0, 0, 1, 0, 0, 0 };
    FILE *f = fopen(at(relative), "wb");

    assert_non_null(f);
    assert_int_equal(fwrite("II*\0\10\0\0\0", 1, 8, f), 8);
    for (int i = 0; i < 3; i++) {
        const unsigned char next[4] = { i < 2 ? (unsigned char) (8 + 18 * (i + 1)) : 0 };
        assert_int_equal(fwrite(page, 1, sizeof page, f), sizeof page);
        assert_int_equal(fwrite(next, 1, sizeof next, f), sizeof next);
    }
    fclose(f);
}

static void
check_same(const ac_image_source *x, const ac_image_source *y, int64_t i)
{
    ac_buffer a = { 0 }, b = { 0 };
    ac_image_stamp s = ac_image_source_stamp(x, i), t = ac_image_source_stamp(y, i);

    assert_int_equal(ac_image_source_key(x, i, &a), AC_OK);
    assert_int_equal(ac_image_source_key(y, i, &b), AC_OK);
    assert_string_equal(a.data, b.data);
    assert_int_equal(ac_image_source_locate(x, i, &a), AC_OK);
    assert_int_equal(ac_image_source_locate(y, i, &b), AC_OK);
    assert_string_equal(a.data, b.data);
    assert_int_equal(ac_image_source_page(x, i), ac_image_source_page(y, i));
    assert_true(s.size == t.size && s.mtime == t.mtime);
    assert_int_equal(reason(x, i), reason(y, i));
    ac_buffer_free(&a);
    ac_buffer_free(&b);
}

/* A large list's index is a file, which other processes map: the items are those that a source
 * in memory has, with pages and without, and a file that is cut is refused. */
static void
a_large_list_is_mapped(void **state)
{
    enum { LINES = 70000 };
    char index[100];
    FILE *f;

    (void) state;
    put_pages("pages.tif");
    f = fopen(at("large.txt"), "wb");
    assert_non_null(f);
    for (int i = 0; i < LINES; i++)
        fprintf(f, "%s%05d.jpg\n", i % 3 ? "gone/" : "./", i * 7919 % 50000);
    fprintf(f, "b.jpg\npages.tif\n");
    fclose(f);
    snprintf(index, sizeof index, "%s/list.index", root);
    for (int pages = 0; pages < 2; pages++) {
        const ac_image_options plain = { .all_pages = pages },
                               mapped = { .all_pages = pages, .index = index };
        ac_image_source x, y, there;
        ac_buffer packed = { 0 };

        assert_int_equal(ac_images_open(&x, at("large.txt"), "input.path", &plain), AC_OK);
        assert_int_equal(ac_images_open(&y, at("large.txt"), "input.path", &mapped), AC_OK);
        assert_int_equal(access(index, R_OK), 0);
        assert_int_equal(x.count, LINES + 2 + 2 * pages);
        assert_int_equal(y.count, x.count);
        assert_string_equal(x.fingerprint, y.fingerprint);
        assert_int_equal(ac_images_pack(&y, &packed), AC_OK);
        assert_true(packed.size < 1000);
        assert_int_equal(ac_images_unpack(&there, packed.data, packed.size), AC_OK);
        for (int64_t i = 0; i < x.count; i++) {
            check_same(&x, &y, i);
            check_same(&x, &there, i);
        }
        ac_image_source_free(&x);
        ac_image_source_free(&y);
        ac_image_source_free(&there);
        assert_int_equal(truncate(index, 1000000), 0);
        assert_int_equal(ac_images_unpack(&there, packed.data, packed.size), AC_E_FORMAT);
        assert_non_null(strstr(ac_error_message(), index));
        ac_buffer_free(&packed);
    }
}

static void
messages_name_the_key(void **state)
{
    ac_image_source source;

    (void) state;
    assert_int_equal(ac_images_open(&source, at("nowhere"), "input.path", &options), AC_E_IO);
    assert_non_null(strstr(ac_error_message(), "input.path"));
    assert_null(source.type);
    assert_int_equal(mkdir(at("empty"), 0755), 0);
    assert_int_equal(ac_images_open(&source, at("empty"), "input.train", &options),
                     AC_E_FORMAT);
    assert_non_null(strstr(ac_error_message(), "input.train"));
    ac_image_source_free(&source);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folder),
        cmocka_unit_test(captions_are_the_lines_beside_an_image),
        cmocka_unit_test(list),
        cmocka_unit_test(one_image),
        cmocka_unit_test(joined),
        cmocka_unit_test(locations_are_found_again),
        cmocka_unit_test(a_large_list_is_mapped),
        cmocka_unit_test(messages_name_the_key),
    };

    return cmocka_run_group_tests(tests, make_folders, remove_folders);
}
