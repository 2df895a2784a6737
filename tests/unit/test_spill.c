/* io/file/spill: what was pushed stays, in memory or in a file without a name; a disk without
 * room is a message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "io/file/spill.h"

enum { WORDS = 3 << 20 }; /* 24 MB */

static char folder[] = "/tmp/antarctic-spill-XXXXXX";

static int
make_folder(void **state)
{
    (void) state;
    return mkdtemp(folder) ? 0 : -1;
}

static int
remove_folder(void **state) /* fails where a file was left */
{
    (void) state;
    return rmdir(folder);
}

static void
fill(ac_spill *self)
{
    for (uint64_t i = 0; i < WORDS; i++) {
        const uint64_t word = i * 0x9e3779b97f4a7c15;
        assert_int_equal(ac_spill_push(self, &word, sizeof word), AC_OK);
    }
    assert_int_equal(self->size, WORDS * sizeof(uint64_t));
    for (uint64_t i = 0; i < WORDS; i++)
        assert_true(((const uint64_t *) (const void *) self->data)[i] ==
                    i * 0x9e3779b97f4a7c15);
}

static void
small_or_without_a_folder_is_memory(void **state)
{
    ac_spill small = { .folder = folder }, large = { 0 };

    (void) state;
    assert_int_equal(ac_spill_push(&small, "words", 6), AC_OK);
    assert_string_equal(small.data, "words");
    assert_false(small.is_file);
    fill(&large);
    assert_false(large.is_file);
    ac_spill_free(&small);
    ac_spill_free(&large);
    ac_spill_free(&large);
}

static void
large_is_a_file_that_has_no_name(void **state)
{
    ac_spill self = { .folder = folder };

    (void) state;
    fill(&self);
    assert_true(self.is_file);
    assert_int_equal(ac_spill_reserve(&self, 100 << 20), AC_OK);
    assert_int_equal(self.size, WORDS * sizeof(uint64_t));
    for (size_t i = self.size; i < 100 << 20; i += 4096)
        assert_int_equal(self.data[i], 0);
    ac_spill_free(&self);
    assert_null(self.data);
}

static void
no_room_is_a_message(void **state)
{
    const struct rlimit whole = { RLIM_INFINITY, RLIM_INFINITY };
    const struct rlimit little = { 8 << 20, RLIM_INFINITY };
    ac_spill self = { .folder = folder }, nowhere = { .folder = "/nowhere/at/all" };
    ac_status st = AC_OK;

    (void) state;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    for (int i = 0; i < WORDS && st == AC_OK; i++)
        st = ac_spill_push(&self, "12345678", 8);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &whole), 0);
    assert_int_equal(st, AC_E_IO);
    assert_non_null(strstr(ac_error_message(), folder));
    assert_memory_equal(self.data + self.size - 8, "12345678", 8);
    ac_spill_free(&self);
    assert_int_equal(ac_spill_reserve(&nowhere, 8 << 20), AC_E_IO);
    ac_spill_free(&nowhere);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_or_without_a_folder_is_memory),
        cmocka_unit_test(large_is_a_file_that_has_no_name),
        cmocka_unit_test(no_room_is_a_message),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
