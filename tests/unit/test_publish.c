/* io/file/publish: temporary names fit wherever the name itself does, on hosts of any name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/file/publish.h"
#include "io/file/text_file.h"

static char folder[] = "/tmp/antarctic-publish-XXXXXX";
static char host[300] = "node";

/* In place of the C library's. */
int
gethostname(char *name, size_t n)
{
    snprintf(name, n, "%s", host);
    return 0;
}

static int
files_in_folder(void)
{
    DIR *d = opendir(folder);
    int n = 0;

    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n - 2;
}

/* folder/unit unit unit … of n bytes, or fewer by less than a unit. Free with free(). */
static char *
long_path(const char *unit, size_t n)
{
    char name[NAME_MAX + 1] = "", *path = NULL;

    while (strlen(name) + strlen(unit) <= n)
        strcat(name, unit);
    assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
    return path;
}

static void
publish(const char *path)
{
    const char *units[] = { "first", "second" };
    ac_buffer read = { 0 };
    ac_text_file f = { 0 };
    char *temporary = NULL;

    assert_int_equal(ac_publish_temporary(&temporary, path), AC_OK);
    assert_true(strlen(strrchr(temporary, '/') + 1) <= NAME_MAX);
    assert_non_null(strstr(temporary, ".tmp."));
    assert_int_equal(ac_publish_file(path, units[0], 5), AC_OK);
    assert_int_equal(ac_text_file_create(&f, path), AC_OK);
    assert_int_equal(access(temporary, F_OK), 0);
    ac_text_file_write(&f, units[1], 6);
    assert_int_equal(ac_text_file_commit(&f), AC_OK);
    assert_int_equal(ac_text_file_read(path, &read), AC_OK);
    assert_string_equal(read.data, "second");
    assert_int_equal(files_in_folder(), 1);
    assert_int_equal(unlink(path), 0);
    ac_buffer_free(&read);
    free(temporary);
}

static void
names_of_any_length(void **state)
{
    const char *hosts[] = { "n", "with/slash", NULL };
    const char *units[] = { "x", "\xc3\xa4", "\xe5\xad\x97", "\xf0\x9f\x98\x80", "\xff", "%" };
    char longest[300];

    (void) state;
    memset(longest, 'h', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    for (int h = 0; h < 4; h++) {
        snprintf(host, sizeof host, "%s", h < 2 ? hosts[h] : longest + (h == 2 ? 235 : 45));
        for (size_t u = 0; u < sizeof units / sizeof *units; u++)
            for (size_t n = 4; n <= NAME_MAX; n += n < 160 ? 50 : 5) {
                char *path = long_path(units[u], n);
                publish(path);
                free(path);
            }
    }
}

/* What begins alike for longer than the temporary name keeps, hosts too. */
static void
names_stay_apart(void **state)
{
    char *a = long_path("x", 255), *b = long_path("x", 255), *c = NULL, *d = NULL, *e = NULL;

    (void) state;
    b[strlen(b) - 1] = 'y';
    memset(host, 'h', 200);
    host[200] = '\0';
    assert_int_equal(ac_publish_temporary(&c, a), AC_OK);
    assert_int_equal(ac_publish_temporary(&d, b), AC_OK);
    assert_string_not_equal(c, d);
    host[199] = 'i';
    assert_int_equal(ac_publish_temporary(&e, a), AC_OK);
    assert_string_not_equal(c, e);
    free(a);
    free(b);
    free(c);
    free(d);
    free(e);
}

/* A path as long as the system takes gets no longer one. */
static void
paths_of_any_length(void **state)
{
    char path[PATH_MAX], *temporary = NULL;

    (void) state;
    for (size_t i = 0; i < sizeof path - 1; i++)
        path[i] = i % 100 ? 'x' : '/';
    path[sizeof path - 1] = '\0'; /* the folders of this path are not there */
    assert_int_equal(ac_publish_temporary(&temporary, path), AC_E_IO);
    assert_int_equal(ac_publish_temporary_folder(&temporary, path), AC_OK);
    assert_true(strlen(temporary) < PATH_MAX);
    free(temporary);
}

/* A name of its own that is too long is told under that name's length, and leaves nothing. */
static void
too_long_a_name(void **state)
{
    char *path = NULL;

    (void) state;
    assert_true(asprintf(&path, "%s/%0256d", folder, 1) > 0);
    assert_int_equal(ac_publish_file(path, "a", 1), AC_E_IO);
    assert_non_null(strstr(ac_error_message(), "File name too long"));
    assert_int_equal(files_in_folder(), 0);
    free(path);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_any_length),
        cmocka_unit_test(names_stay_apart),
        cmocka_unit_test(paths_of_any_length),
        cmocka_unit_test(too_long_a_name),
    };
    int failed;

    assert_non_null(mkdtemp(folder));
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
