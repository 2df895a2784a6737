/* Images in tars: headers of every dialect, what belongs to an image, keys, damage, a tar that
 * was replaced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file/skip.h"
#include "io/source/tar_images.h"

enum { BLOCK = 512 };

static char root[64];

static const char *
at(const char *name)
{
    static char paths[4][256];
    static int turn;
    char *path = paths[turn++ % 4];

    snprintf(path, sizeof paths[0], "%s/%s", root, name);
    return path;
}

static int
make_root(void **state)
{
    (void) state;
    snprintf(root, sizeof root, "/tmp/ac-tars-XXXXXX");
    return mkdtemp(root) ? mkdir(at("a"), 0755) || mkdir(at("b"), 0755) : 1;
}

static int
remove_root(void **state)
{
    char command[128];

    (void) state;
    snprintf(command, sizeof command, "rm -r '%s'", root);
    return system(command);
}

/* ---- writing tars ---- */

static void
finish(char header[BLOCK])
{
    unsigned sum = 0;

    memset(header + 148, ' ', 8);
    for (int i = 0; i < BLOCK; i++)
        sum += (unsigned char) header[i];
    snprintf(header + 148, 8, "%06o", sum);
}

static void
put_header(FILE *f, const char *name, char type, size_t size)
{
    char header[BLOCK] = "";

    memcpy(header, name, strnlen(name, 100));
    snprintf(header + 124, 12, "%011zo", size);
    header[156] = type;
    memcpy(header + 257,
           "ustar\0"
           "00",
           8);
    finish(header);
    fwrite(header, 1, BLOCK, f);
}

static void
put_data(FILE *f, const char *bytes, size_t n)
{
    static const char zeros[BLOCK];

    fwrite(bytes, 1, n, f);
    fwrite(zeros, 1, (BLOCK - n % BLOCK) % BLOCK, f);
}

static void
put(FILE *f, const char *name, const char *text)
{
    put_header(f, name, '0', strlen(text));
    put_data(f, text, strlen(text));
}

/* An extended header of one record. */
static void
put_record(FILE *f, char type, const char *key, const char *value)
{
    char record[256];
    int n = (int) (strlen(key) + strlen(value) + 4);

    n += n + (n >= 8 ? 1 : 0) >= 10 ? 1 : 0;
    n = snprintf(record, sizeof record, "%d %s=%s\n", n, key, value);
    assert_int_equal(n, atoi(record));
    put_header(f, "pax", type, (size_t) n);
    put_data(f, record, (size_t) n);
}

/* A member of GNU's sparse kind whose map of holes fills so many blocks behind the header. */
static void
put_many_holes(FILE *f, const char *name, int blocks)
{
    char header[BLOCK] = "", map[BLOCK];

    memcpy(header, name, strnlen(name, 100));
    snprintf(header + 124, 12, "%011o", 700);
    header[156] = 'S';
    memcpy(header + 257, "ustar  ", 8);
    header[482] = 1;
    finish(header);
    fwrite(header, 1, BLOCK, f);
    for (int i = 0; i < blocks; i++) {
        memset(map, '1', BLOCK);
        map[504] = i + 1 < blocks;
        fwrite(map, 1, BLOCK, f);
    }
    memset(map, 'd', BLOCK);
    put_data(f, map, BLOCK);
    put_data(f, map, 700 - BLOCK);
}

static FILE *
begin(const char *name)
{
    FILE *f = fopen(at(name), "wb");

    assert_non_null(f);
    return f;
}

static void
end(FILE *f)
{
    static const char zeros[2 * BLOCK];

    fwrite(zeros, 1, sizeof zeros, f);
    fclose(f);
}

/* ---- reading them ---- */

static void
open_tars(ac_image_source *source, const char *input, const ac_tar_options *options)
{
    ac_tar_inputs tars = { 0 };

    if (ac_tar_inputs_find(&tars, input, "input.path", ac_skip_default) != AC_OK ||
        ac_tar_images_open_alone(source, &tars, options) != AC_OK)
        fail_msg("%s", ac_error_message());
    ac_tar_inputs_free(&tars);
}

/* All items as text: "key location bytes|reason\n" each. */
static const char *
described(const ac_image_source *source)
{
    static char out[1 << 16];
    ac_buffer text = { 0 }, all = { 0 };
    ac_item_status status;

    for (int64_t i = 0; i < source->count; i++) {
        assert_int_equal(ac_image_source_key(source, i, &text), AC_OK);
        ac_buffer_printf(&all, "%s ", text.data);
        assert_int_equal(ac_image_source_locate(source, i, &text), AC_OK);
        ac_buffer_printf(&all, "%s ", text.data);
        assert_int_equal(ac_image_source_check(source, i, &status), AC_OK);
        if (status.reason == AC_GOOD)
            assert_int_equal(ac_image_source_read(source, i, &text, &status), AC_OK);
        ac_buffer_printf(&all, "%s\n",
                         status.reason == AC_GOOD ? text.size ? text.data : "-"
                                                  : ac_reject_reason_name(status.reason));
    }
    snprintf(out, sizeof out, "%s", all.data ? all.data : "");
    ac_buffer_free(&text);
    ac_buffer_free(&all);
    return out;
}

static void
expect(const char *input, const ac_tar_options *options, const char *wanted)
{
    ac_image_source source = { 0 };

    open_tars(&source, input, options);
    assert_string_equal(described(&source), wanted);
    ac_image_source_free(&source);
}

static const ac_tar_options plain = { 0 };

/* ---- headers ---- */

static void
dialects(void **state)
{
    char header[BLOCK] = "base256.jpg";
    FILE *f = begin("dialects.tar");

    (void) state;
    put_record(f, 'x', "path", "by/pax.jpg");
    put_record(f, 'x', "size", "3");
    put_header(f, "short.jpg", '0', 0); /* PAX's size, not the header's */
    put_data(f, "abc", 3);
    put_header(f, "././@LongLink", 'K', 4); /* a long link's name is of no use */
    put_data(f, "link", 4);
    put_header(f, "././@LongLink", 'L', 11);
    put_data(f, "by/gnu.jpg", 11);
    put_header(f, "truncated", '0', 2);
    put_data(f, "de", 2);
    header[124] = (char) 0x80;
    header[135] = 4;
    finish(header);
    fwrite(header, 1, BLOCK, f);
    put_data(f, "fghi", 4);
    put_header(f, "old/", '\0', 0); /* a folder, as of old */
    put_header(f, "old.jpg", '\0', 1);
    put_data(f, "j", 1);
    put_header(f, "link.jpg", '1', 700); /* without data, whatever its size says */
    put_header(f, "contiguous.jpg", '7', 1);
    put_data(f, "k", 1);
    put_header(f, "holes.jpg", 'S', 1);
    put_data(f, "l", 1);
    put_record(f, 'x', "GNU.sparse.major", "1");
    put(f, "more_holes.jpg", "m");
    put_record(f, 'x', "GNU.sparse.name", "by/name.jpg");
    put(f, "by/GNUSparseFile.17/name.jpg", "m");
    put_many_holes(f, "very_many_holes.jpg", 3);
    put_record(f, 'g', "comment", "of all that follow");
    put(f, "last.jpg", "n");
    end(f);
    expect(at("dialects.tar"), &plain,
           "base256 dialects.tar#base256.jpg fghi\n"
           "by/gnu dialects.tar#by/gnu.jpg de\n"
           "by/name dialects.tar#by/name.jpg unsupported_format\n"
           "by/pax dialects.tar#by/pax.jpg abc\n"
           "contiguous dialects.tar#contiguous.jpg k\n"
           "holes dialects.tar#holes.jpg unsupported_format\n"
           "last dialects.tar#last.jpg n\n"
           "more_holes dialects.tar#more_holes.jpg unsupported_format\n"
           "old dialects.tar#old.jpg j\n"
           "very_many_holes dialects.tar#very_many_holes.jpg unsupported_format\n");
}

static void
negative_and_huge_sizes(void **state)
{
    char header[BLOCK] = "bad.jpg";
    FILE *f = begin("sizes.tar");

    (void) state;
    put(f, "good.jpg", "x");
    memset(header + 124, 0xff, 12);
    finish(header);
    fwrite(header, 1, BLOCK, f);
    end(f);
    expect(at("sizes.tar"), &plain,
           "good sizes.tar#good.jpg x\n"
           "sizes.tar sizes.tar corrupt\n");
    f = begin("sizes.tar");
    put(f, "good.jpg", "x");
    put_record(f, 'x', "size", "5368709120"); /* 5 GB, of which a few bytes are there */
    put(f, "huge.jpg", "only this");
    fclose(f);
    expect(at("sizes.tar"), &plain,
           "good sizes.tar#good.jpg x\n"
           "huge sizes.tar#huge.jpg truncated\n");
}

/* Behind a header that belongs to the next one there must be one. */
static void
extended_ends(void **state)
{
    const char types[] = "xLS";

    (void) state;
    for (int i = 0; i < 4; i++) { /* the last one: a global header, which may be alone */
        FILE *f = begin("ends.tar");
        put(f, "good.jpg", "x");
        if (types[i] == 'x')
            put_record(f, 'x', "path", "next.jpg");
        else if (types[i] == 'L') {
            put_header(f, "././@LongLink", 'L', 8);
            put_data(f, "next.jpg", 8);
        } else if (types[i] == 'S') {
            put_many_holes(f, "next.jpg", 1);
            assert_int_equal(fseek(f, -3 * BLOCK, SEEK_END), 0);
            assert_int_equal(fflush(f), 0);
            assert_int_equal(ftruncate(fileno(f), ftell(f)), 0);
        } else
            put_record(f, 'g', "comment", "alone");
        if (i % 2)
            end(f);
        else
            fclose(f);
        expect(at("ends.tar"), &plain,
               types[i] ? "ends.tar ends.tar truncated\ngood ends.tar#good.jpg x\n"
                        : "good ends.tar#good.jpg x\n");
    }
}

/* ---- samples ---- */

static void
belongings(void **state)
{
    const ac_tar_options json = { .captions = "json:alt" };
    ac_image_source source = { 0 };
    ac_texts captions = { 0 };
    ac_buffer text = { 0 };
    ac_item_status status;
    FILE *f = begin("sample.tar");

    (void) state;
    put(f, "s.cls", "7");
    put(f, "s.JPG", "first");
    put(f, "s.png", "second");
    put(f, "s.txt", "one\r\n\n two \n");
    put(f, "s.json", "{\"alt\": [\"three\", 4, \"five\"], \"url\": \"u\"}");
    put(f, "t.webp", "alone");
    put(f, "t.txt",
        "\xef\xbb\xbf"
        "a bad \xff byte");
    put(f, "u.json", "no object");
    put(f, "u.gif", "g");
    end(f);
    expect(at("sample.tar"), &plain,
           "s sample.tar#s.JPG first\nt sample.tar#t.webp alone\nu sample.tar#u.gif g\n");
    open_tars(&source, at("sample.tar"), &plain);
    assert_non_null(
        strstr(ac_tar_images_notes(&source),
               "\"further_images\": {\"count\": 1, \"first\": [\"sample.tar#s.png\"]}"));
    assert_int_equal(ac_image_source_captions(&source, 0, &captions), AC_OK);
    assert_int_equal(captions.count, 2);
    assert_true(ac_texts_is(&captions, 1, " two ", 5));
    assert_int_equal(ac_image_source_captions(&source, 1, &captions), AC_OK);
    assert_int_equal(captions.count, 1);
    assert_true(ac_texts_is(&captions, 0, "a bad \xef\xbf\xbd byte", 14));
    assert_int_equal(ac_image_source_check_captions(&source, 1, &status), AC_OK);
    assert_int_equal(status.reason, AC_REJECT_CAPTION_NOT_UTF8);
    assert_int_equal(ac_image_source_captions(&source, 2, &captions), AC_OK);
    assert_int_equal(captions.count, 0);
    assert_int_equal(ac_image_source_check_captions(&source, 2, &status), AC_OK);
    assert_int_equal(status.reason, AC_REJECT_NO_CAPTION);
    assert_int_equal(ac_image_source_metadata(&source, 0, &text), AC_OK);
    assert_non_null(strstr(text.data, "\"url\": \"u\""));
    assert_int_equal(ac_image_source_metadata(&source, 2, &text), AC_OK);
    assert_int_equal(text.size, 0);
    ac_image_source_free(&source);
    open_tars(&source, at("sample.tar"), &json);
    assert_int_equal(ac_image_source_captions(&source, 0, &captions), AC_OK);
    assert_int_equal(captions.count, 2);
    assert_true(ac_texts_is(&captions, 1, "five", 4));
    ac_image_source_free(&source);
    ac_texts_free(&captions);
    ac_buffer_free(&text);
}

static void
true_keys(void **state)
{
    FILE *f = begin("export.tar");

    (void) state;
    put(f, "a%2eb.jpg", "x");
    put(f, "a%2eb.json", "{\"antarctic_key\": \"a.b/__c\"}");
    end(f);
    expect(at("export.tar"), &plain, "a.b/__c export.tar#a%2eb.jpg x\n");
}

/* Texts anywhere in the tar, in files of more dots than one. */
static void
as_files(void **state)
{
    ac_image_source source = { 0 };
    ac_texts captions = { 0 };
    FILE *f = begin("files.tar");

    (void) state;
    put(f, "IMG_2021.03.05.txt", "second");
    put(f, "IMG_2021.03.04.jpg", "x");
    put(f, "IMG_2021.03.05.jpg", "y");
    put(f, "IMG_2021.03.04.txt", "first");
    put(f, "IMG_2021.03.04.txt", "again");
    end(f);
    open_tars(&source, at("files.tar"), &plain);
    assert_string_equal(described(&source), "IMG_2021.03.04 files.tar#IMG_2021.03.04.jpg x\n"
                                            "IMG_2021.03.05 files.tar#IMG_2021.03.05.jpg y\n");
    for (int64_t i = 0; i < 2; i++) {
        assert_int_equal(ac_image_source_captions(&source, i, &captions), AC_OK);
        assert_int_equal(captions.count, 1);
        assert_true(ac_texts_is(&captions, 0, i ? "second" : "first", i ? 6 : 5));
    }
    ac_image_source_free(&source);
    ac_texts_free(&captions);
}

/* ---- keys ---- */

static void
prefixes(void **state)
{
    const ac_tar_options none = { .prefix = AC_TAR_PREFIX_NONE },
                         kept = { .keep_prefix = AC_TAR_PREFIX_NONE };
    const char *const names[] = { "a/0.tar", "b/0.tar", "b/1.tar" };

    (void) state;
    for (int t = 0; t < 3; t++) {
        FILE *f = begin(names[t]);
        put(f, t < 2 ? "0.jpg" : "1.jpg", t == 0 ? "x" : t == 1 ? "y" : "z");
        end(f);
    }
    /* what a NAS leaves beside tars makes the folder none of images */
    assert_int_equal(mkdir(at("b/@eaDir"), 0755), 0);
    fclose(begin("b/@eaDir/thumb.jpg"));
    /* stems are equal: paths */
    expect(root, &plain,
           "a/0/0 a/0.tar#0.jpg x\nb/0/0 b/0.tar#0.jpg y\nb/1/1 b/1.tar#1.jpg z\n");
    expect(root, &none,
           "0 a/0.tar#0.jpg x\n0 b/0.tar#0.jpg duplicate_key\n1 b/1.tar#1.jpg z\n");
    expect(root, &kept,
           "0 a/0.tar#0.jpg x\n0 b/0.tar#0.jpg duplicate_key\n1 b/1.tar#1.jpg z\n");
    expect(at("b"), &plain, "0 0.tar#0.jpg y\n1 1.tar#1.jpg z\n"); /* no key comes twice */
    expect(at("b"), &(ac_tar_options){ .prefix = AC_TAR_PREFIX_TAR },
           "0/0 0.tar#0.jpg y\n1/1 1.tar#1.jpg z\n");
}

/* In no more time than as many keys take. */
static void
members_of_one_key(void **state)
{
    enum { MEMBERS = 100000 };
    ac_image_source source = { 0 };
    ac_item_status status;
    FILE *f = begin("many.tar");

    (void) state;
    for (int i = 0; i < MEMBERS; i++) {
        char name[32];
        snprintf(name, sizeof name, "k.%d", i);
        put_header(f, name, '0', 0);
    }
    for (int i = 0; i < MEMBERS; i++)
        put_header(f, "k.jpg", '0', 0);
    end(f);
    open_tars(&source, at("many.tar"), &plain);
    assert_int_equal(source.count, MEMBERS);
    for (int64_t i = 0; i < source.count; i++) {
        assert_int_equal(ac_image_source_check(&source, i, &status), AC_OK);
        assert_int_equal(status.reason, i ? AC_REJECT_DUPLICATE_KEY : AC_GOOD);
    }
    ac_image_source_free(&source);
    unlink(at("many.tar"));
}

/* ---- a tar that changes ---- */

static void
replaced(void **state)
{
    ac_image_source source = { 0 };
    ac_buffer bytes = { 0 };
    ac_item_status status;
    FILE *f = begin("replaced.tar");

    (void) state;
    put(f, "a.jpg", "old");
    end(f);
    open_tars(&source, at("replaced.tar"), &plain);
    assert_int_equal(ac_image_source_read(&source, 0, &bytes, &status), AC_OK);
    assert_string_equal(bytes.data, "old");
    f = begin("replaced.tar");
    put(f, "aa.jpg", "new!");
    put(f, "b.jpg", "b");
    end(f);
    assert_int_equal(ac_image_source_read(&source, 0, &bytes, &status), AC_E_IO);
    assert_non_null(strstr(ac_error_message(), "replaced.tar: the tar was replaced"));
    unlink(at("replaced.tar"));
    assert_int_equal(ac_image_source_read(&source, 0, &bytes, &status), AC_E_IO);
    assert_non_null(strstr(ac_error_message(), "it is gone"));
    ac_image_source_free(&source);
    ac_buffer_free(&bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prefixes), /* first: the folder holds no other tars yet */
        cmocka_unit_test(dialects),           cmocka_unit_test(negative_and_huge_sizes),
        cmocka_unit_test(extended_ends),      cmocka_unit_test(belongings),
        cmocka_unit_test(true_keys),          cmocka_unit_test(as_files),
        cmocka_unit_test(members_of_one_key), cmocka_unit_test(replaced),
    };

    return cmocka_run_group_tests(tests, make_root, remove_root);
}
