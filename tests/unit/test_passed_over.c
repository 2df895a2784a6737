/* What an input holds and the program does not take: counted by extension, the first names
 * kept, the same whatever order a folder gives them in; macOS's files by their content; and
 * where the pages of an image lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/image/names.h"
#include "io/image/tiff_pages.h"
#include "io/source/location.h"
#include "io/source/passed_over.h"

static void
add_all(ac_passed_over *p, const char *const *names, int n, int first)
{
    for (int i = 0; i < n; i++)
        assert_int_equal(ac_passed_over_add(p, names[(first + i) % n]), AC_OK);
    ac_passed_over_sort(p);
}

static void
is_printed(const ac_passed_over *p, const char *expected)
{
    ac_buffer text = { 0 };

    ac_passed_over_print(p, &text);
    ac_buffer_push_char(&text, '\0');
    assert_int_equal(text.status, AC_OK);
    assert_string_equal(text.data, expected);
    ac_buffer_free(&text);
}

static void
counts_by_extension(void **state)
{
    static const char *const names[] = { "b/x.psd", "a.PSD",  "note.txt",    "README",
                                         "x.knn",   "s.svg",  "a.b/c",       ".hidden",
                                         "dot.",    "x.j p2", "x.toolongone" };
    enum { N = sizeof names / sizeof *names };

    (void) state;
    for (int first = 0; first < N; first++) {
        ac_passed_over p = { 0 };
        assert_false(ac_passed_over_any(&p));
        add_all(&p, names, N, first);
        assert_true(ac_passed_over_any(&p));
        assert_int_equal(p.files, 9); /* neither captions nor our own .knn */
        is_printed(&p, "6 without an extension, 2 .psd, 1 .svg (.hidden, README, a.PSD, a.b/c, "
                       "b/x.psd, dot., s.svg, x.j p2, x.toolongone)");
        ac_passed_over_free(&p);
    }
}

/* Of many names the first ten bytewise; of many extensions those that there is room for. */
static void
keeps_what_it_has_room_for(void **state)
{
    ac_passed_over p = { 0 };
    int64_t sum = 0;

    (void) state;
    for (int i = 0; i < 500; i++) {
        char name[32];
        snprintf(name, sizeof name, "%03d.e%d", (i * 7) % 500, i % 200);
        assert_int_equal(ac_passed_over_add(&p, name), AC_OK);
    }
    ac_passed_over_sort(&p);
    assert_int_equal(p.files, 500);
    assert_int_equal(p.kinds, AC_PASSED_OVER_KINDS);
    for (int k = 0; k < p.kinds; k++)
        sum += p.kind[k].count;
    assert_int_equal(sum, 500);
    for (int i = 0; i < AC_PASSED_OVER_NAMES; i++)
        assert_int_equal(atoi(p.names[i]), i);
    ac_passed_over_free(&p);
    ac_passed_over_free(&p);
}

static void
knows_apple_double(void **state)
{
    static const char bytes[] = "\0\5\x16\7\0\2\0\0", jpeg[] = "\xff\xd8\xff\xe0";
    char path[] = "/tmp/ac_apple_XXXXXX";
    const int fd = mkstemp(path);

    (void) state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, sizeof bytes), sizeof bytes);
    assert_true(ac_is_apple_double(path, "._x.jpg"));
    assert_false(ac_is_apple_double(path, "x.jpg")); /* the name must say it too */
    assert_int_equal(pwrite(fd, jpeg, sizeof jpeg, 0), sizeof jpeg);
    assert_false(ac_is_apple_double(path, "._x.jpg"));
    assert_int_equal(ftruncate(fd, 2), 0);
    assert_false(ac_is_apple_double(path, "._x.jpg"));
    close(fd);
    unlink(path);
    assert_false(ac_is_apple_double(path, "._x.jpg"));
}

static void
names_of_images(void **state)
{
    static const char *const yes[] = { "a.jpg", "a.JFIF",   "x/y.Tif", "b.c.heic",
                                       "a.j2k", ".x/a.hif", "a.JXL" },
                             *const no[] = { "jpg",    "a.",     "a.jpg/b", "a.jp",
                                             "a.jpgx", "a.txt",  "a.jpg, ", "a., ",
                                             "a.png,", "a.jpg.", "" };

    (void) state;
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        assert_true(ac_image_name_is(yes[i]));
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        assert_false(ac_image_name_is(no[i]));
}

static void
location_is(const char *location, size_t file, int64_t page, const char *sidecar)
{
    int64_t found;
    char *path = NULL;

    assert_int_equal(ac_location_page(location, strlen(location), &found), file);
    assert_int_equal(found, page);
    assert_int_equal(ac_location_sidecar(location, strlen(location), ".knn", &path), AC_OK);
    assert_string_equal(path, sidecar);
    free(path);
}

static void
locations_of_pages(void **state)
{
    (void) state;
    location_is("d/a.tif", 7, 0, "d/a.knn");
    location_is("d/a.tif#2", 7, 1, "d/a#2.knn");
    location_is("d/a.TIFF#65536", 8, 65535, "d/a#65536.knn");
    location_is("d/a.tif#1", 9, 0, "d/a.knn"); /* the first page has no number */
    location_is("d/a.tif#", 8, 0, "d/a.knn");
    location_is("d/a.b#2", 7, 0, "d/a.knn"); /* no image's name before it */
    location_is("#2", 2, 0, "#2.knn");
}

/* A TIFF of directories without entries: where each is, and which follows. */
static size_t
make_chain(unsigned char bytes[200], const int *at, int n, int last)
{
    memset(bytes, 0, 200);
    memcpy(bytes, "II*\0", 4);
    bytes[4] = (unsigned char) at[0];
    for (int i = 0; i < n; i++)
        bytes[at[i] + 2] = (unsigned char) (i + 1 < n ? at[i + 1] : last);
    return 200;
}

static void
pages_of_chains(void **state)
{
    static const int at[] = { 8, 20, 100, 50, 190 };
    unsigned char bytes[200];

    (void) state;
    for (int n = 1; n <= 5; n++)
        for (int back = -1; back < n;
             back++) { /* -1: it ends; else it returns to page `back` */
            const size_t size = make_chain(bytes, at, n, back < 0 ? 0 : at[back]);
            assert_int_equal(ac_tiff_count_pages(bytes, size), n);
            for (int page = 0; page < n; page++)
                assert_int_equal(ac_tiff_page(bytes, size, page), at[page]);
        }
    assert_int_equal(ac_tiff_count_pages(bytes, make_chain(bytes, at, 3, 250)), 3); /* past */
    assert_int_equal(ac_tiff_count_pages(bytes, 7), 0);
    bytes[4] = 0;
    assert_int_equal(ac_tiff_count_pages(bytes, 200), 0);
    assert_int_equal(ac_tiff_page(bytes, 200, 0), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_by_extension), cmocka_unit_test(keeps_what_it_has_room_for),
        cmocka_unit_test(knows_apple_double),  cmocka_unit_test(names_of_images),
        cmocka_unit_test(locations_of_pages),  cmocka_unit_test(pages_of_chains)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
