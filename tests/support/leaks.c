/* A failed assertion leaves a test by longjmp, past what would have freed its memory. The leaks
 * that follow say nothing, and a page of them would hide the assertion: in sanitizer builds
 * they are looked for only where every test passed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static int failures;

int __real__cmocka_run_group_tests(const char *name, const struct CMUnitTest *tests,
                                   size_t count, CMFixtureFunction setup,
                                   CMFixtureFunction teardown);
int __wrap__cmocka_run_group_tests(const char *name, const struct CMUnitTest *tests,
                                   size_t count, CMFixtureFunction setup,
                                   CMFixtureFunction teardown);
int __lsan_is_turned_off(void);

/* The linker puts it in place of cmocka's (tests/CMakeLists.txt). */
int
__wrap__cmocka_run_group_tests(const char *name, const struct CMUnitTest *tests, size_t count,
                               CMFixtureFunction setup, CMFixtureFunction teardown)
{
    const int n = __real__cmocka_run_group_tests(name, tests, count, setup, teardown);

    failures += n != 0;
    return n;
}

/* LeakSanitizer asks before it looks. */
int
__lsan_is_turned_off(void)
{
    return failures != 0;
}
