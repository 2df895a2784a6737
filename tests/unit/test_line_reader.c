/* Lines of files: short, empty, longer than what is read at once, and a last one without an
 * end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/file/line_reader.h"

static char path[] = "/tmp/ac_lines_XXXXXX";

/* Line i: i % 7 letters; every 50th has 150,000. */
static size_t
length_of(int i)
{
    return i % 50 == 49 ? 150000 : (size_t) i % 7;
}

static void
check(int count, bool ended)
{
    FILE *f = fopen(path, "wb");
    ac_line_reader r = { 0 };
    const char *line;
    size_t n;

    assert_non_null(f);
    for (int i = 0; i < count; i++) {
        for (size_t k = 0; k < length_of(i); k++)
            fputc('a' + (int) ((k + (size_t) i) % 26), f);
        if (i + 1 < count || ended)
            fputc('\n', f);
    }
    assert_int_equal(fclose(f), 0);
    assert_int_equal(ac_line_reader_open(&r, path), AC_OK);
    for (int i = 0; i < count; i++) {
        assert_int_equal(ac_line_reader_next(&r, &line, &n), AC_OK);
        assert_non_null(line);
        assert_int_equal(n, length_of(i));
        assert_int_equal(strlen(line), n);
        for (size_t k = 0; k < n; k++)
            assert_int_equal(line[k], 'a' + (int) ((k + (size_t) i) % 26));
        assert_int_equal(r.truncated, i + 1 == count && !ended);
    }
    for (int turn = 0; turn < 2; turn++) {
        assert_int_equal(ac_line_reader_next(&r, &line, &n), AC_OK);
        assert_null(line);
    }
    ac_line_reader_close(&r);
    ac_line_reader_close(&r);
}

static void
lines_of_any_length(void **state)
{
    (void) state;
    check(0, true);
    check(1, true); /* an empty line */
    check(320, true);
    check(321, false);
    check(50, false); /* the last one is long */
    check(50, true);
}

static void
what_cannot_be_read(void **state)
{
    ac_line_reader r = { 0 };

    (void) state;
    assert_int_equal(ac_line_reader_open(&r, "/tmp/ac_no_such_file"), AC_E_IO);
    ac_line_reader_close(&r);
    assert_int_equal(ac_line_reader_open(&r, "/tmp"), AC_E_IO);
    ac_line_reader_close(&r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(lines_of_any_length),
                                        cmocka_unit_test(what_cannot_be_read) };
    const int fd = mkstemp(path);
    int failed;

    if (fd < 0)
        return 1;
    close(fd);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
