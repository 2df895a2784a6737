/* AC_TEST_LABELS: formats */
/* The readers of npy and safetensors: what they must take, with its content, and what they must
 * refuse (golden/formats). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "io/checkpoint/npy.h"
#include "io/checkpoint/safetensors.h"
#include "tests/support/formats.h"
#include "tests/support/golden.h"

static void
check_npy(const char *name, const char *path, const json_t *expected)
{
    ac_npy a;

    if (test_format_verdict(name, expected, ac_npy_open(&a, path)))
        test_format_tensor(name, &a.tensor,
                           json_object_get(expected, "tensor")
                               ? json_object_get(expected, "tensor")
                               : expected);
    ac_npy_close(&a);
}

static void
check_safetensors(const char *name, const char *path, const json_t *expected)
{
    const json_t *tensors = json_object_get(expected, "tensors");
    ac_safetensors s;

    if (test_format_verdict(name, expected, ac_safetensors_open(&s, path)) && tensors) {
        if (json_object_size(tensors) != (size_t) s.tensors.count)
            test_format_wrong("%s: %lld tensors\n", name, (long long) s.tensors.count);
        test_format_tensors(name, &s.tensors, tensors);
    }
    ac_safetensors_close(&s);
}

static void
npy(void **state)
{
    (void) state;
    test_format_topic("npy", check_npy);
}

static void
safetensors(void **state)
{
    (void) state;
    test_format_topic("safetensors", check_safetensors);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(npy), cmocka_unit_test(safetensors) };

    return golden_result(cmocka_run_group_tests(tests, NULL, NULL));
}
