/* What stands in place of a file, by its first bytes; texts with a byte-order mark. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/file/file_head.h"
#include "io/file/json_file.h"
#include "io/file/map.h"
#include "io/file/publish.h"
#include "io/file/text_file.h"

#define POINTER                                                                   \
    "version https://git-lfs.github.com/spec/v1\noid sha256:0123456789abcdef0123" \
    "456789abcdef0123456789abcdef0123456789abcdef\nsize 605157884\n"

static char path[] = "/tmp/antarctic-head.XXXXXX";

static void
heads(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        ac_head head;
    } all[] = {
#define HEAD(text, head) { text, sizeof(text) - 1, head }
        HEAD(POINTER, AC_HEAD_POINTER),
        HEAD("version https://git-lfs.github.com/spec/v1\r\noid sha256:00\r\nsize 1\r\n",
             AC_HEAD_POINTER),
        HEAD("version https://hawser.github.com/spec/v1\noid sha256:00\nsize 1\n",
             AC_HEAD_POINTER),
        HEAD("version https://git-lfs.github.com/spec/v1 is what a pointer begins with\n",
             AC_HEAD_OTHER),
        HEAD("<!DOCTYPE html>\n<html>", AC_HEAD_PAGE),
        HEAD("\n\r\n  <!doctype HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\">", AC_HEAD_PAGE),
        HEAD("\xef\xbb\xbf<HTML lang=en>", AC_HEAD_PAGE),
        HEAD("<!-- saved from url=(0014)about:internet -->\n<html>", AC_HEAD_PAGE),
        HEAD("<?xml version=\"1.0\"?>\n<!DOCTYPE html PUBLIC \"x\">", AC_HEAD_PAGE),
        HEAD("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code>",
             AC_HEAD_PAGE),
        HEAD("<?xml version=\"1.0\"?><svg/>", AC_HEAD_OTHER),
        HEAD("<html", AC_HEAD_PAGE),
        HEAD("<!-- no end", AC_HEAD_OTHER),
        HEAD("a page: <html>", AC_HEAD_OTHER),
        HEAD("\x1f\x8b\x08", AC_HEAD_GZIP),
        HEAD("\x28\xb5\x2f\xfd", AC_HEAD_ZSTD),
        HEAD("PK\3\4", AC_HEAD_ZIP),
        HEAD("\xff\xfe"
             "a\0b\0",
             AC_HEAD_UTF16),
        HEAD("\xfe\xff\0a\0b", AC_HEAD_UTF16),
        HEAD("a\0b\0", AC_HEAD_UTF16),
        HEAD("\0a\0b", AC_HEAD_UTF16),
        HEAD("\0\0\xfe\xff\0\0\0a", AC_HEAD_UTF16),
        HEAD("a list\nof texts\n", AC_HEAD_OTHER),
        HEAD("", AC_HEAD_OTHER),
    };

    (void) state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char *copy =
            malloc(all[i].n ? all[i].n : 1); /* exactly as long: reads past it are seen */
        memcpy(copy, all[i].bytes, all[i].n);
        if (ac_head_of(copy, all[i].n) != all[i].head)
            fail_msg("%zu: %s", i, all[i].bytes);
        assert_true((ac_head_describe(all[i].head) != NULL) == (all[i].head != AC_HEAD_OTHER));
        free(copy);
    }
}

/* A tar by POSIX's mark, and one from before it by its checksum. */
static void
tars(void **state)
{
    char block[512] = "x.txt";
    unsigned sum = 8 * ' ';

    (void) state;
    memcpy(block + 100, "0000644", 7);
    for (int i = 0; i < 512; i++)
        sum += (unsigned char) block[i];
    snprintf(block + 148, 8, "%06o", sum);
    block[155] = ' ';
    assert_int_equal(ac_head_of(block, sizeof block), AC_HEAD_TAR);
    assert_int_equal(ac_head_of(block, sizeof block - 1), AC_HEAD_OTHER);
    block[1]++;
    assert_int_equal(ac_head_of(block, sizeof block), AC_HEAD_OTHER);
    memcpy(block + 257, "ustar", 5);
    assert_int_equal(ac_head_of(block, sizeof block), AC_HEAD_TAR);
}

static void
put(const char *text)
{
    assert_int_equal(ac_publish_file(path, text, strlen(text)), AC_OK);
}

static void
readers(void **state)
{
    ac_buffer text = { 0 };
    ac_map map;
    json_t *root;

    (void) state;
    put("\xef\xbb\xbfone\ntwo\n");
    assert_int_equal(ac_buffer_push_text(&text, "before "), AC_OK);
    assert_int_equal(ac_text_read(path, &text), AC_OK);
    assert_string_equal(text.data, "before one\ntwo\n");
    put("\xef\xbb\xbf");
    assert_int_equal(ac_text_read(path, &text), AC_OK);
    assert_string_equal(text.data, "before one\ntwo\n");
    put("\xff\xfe"
        "a");
    assert_int_equal(ac_text_read(path, &text), AC_E_FORMAT);
    assert_non_null(strstr(ac_error_message(), "UTF-16"));
    assert_non_null(strstr(ac_error_message(), "iconv"));
    ac_buffer_reset(&text);
    put("<html>");
    assert_int_equal(ac_text_file_read(path, &text), AC_OK); /* of our own files: as they are */
    assert_string_equal(text.data, "<html>");
    assert_int_equal(ac_text_read(path, &text), AC_E_FORMAT);
    assert_int_equal(ac_map_open(&map, path), AC_E_FORMAT);
    assert_null(map.data);
    put(POINTER);
    assert_int_equal(ac_map_open(&map, path), AC_E_FORMAT);
    assert_non_null(strstr(ac_error_message(), "Git LFS pointer"));
    assert_int_equal(ac_text_file_read(path, &text), AC_E_FORMAT);
    assert_int_equal(ac_head_check_file(path), AC_E_FORMAT);
    assert_int_equal(ac_head_check_file("/nowhere/at/all"), AC_OK);
    assert_int_equal(ac_json_file_read(&root, path, 0), AC_E_FORMAT);
    put("\xef\xbb\xbf{\"a\": 1}");
    assert_int_equal(ac_json_file_read(&root, path, 0), AC_OK);
    assert_int_equal(json_integer_value(json_object_get(root, "a")), 1);
    json_decref(root);
    put("{\n\"a\": }");
    assert_int_equal(ac_json_file_read(&root, path, 0), AC_E_FORMAT);
    assert_non_null(strstr(ac_error_message(), ":2: "));
    put("");
    assert_int_equal(ac_json_file_read(&root, path, 0), AC_E_FORMAT);
    ac_buffer_free(&text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads),
        cmocka_unit_test(tars),
        cmocka_unit_test(readers),
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
