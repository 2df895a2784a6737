/* The readers of npy and safetensors: what they must take, with its content, and what they must refuse (golden/formats).
 * AC_TEST_LABELS: formats */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/npy.h"
#include "io/safetensors.h"
#include "tests/support/golden.h"

static int wrong;

static bool
same_dtype(const char *name, ac_dtype dtype)
{
    static const char *const names[] = { "f4", "f8", "f2", "bf16", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1" };

    return strcmp(name, names[dtype]) == 0;
}

static void
check_tensor(const char *file, const ac_tensor *t, const json_t *expected)
{
    const json_t *shape = json_object_get(expected, "shape");
    char hex[65];
    bool same = same_dtype(json_string_value(json_object_get(expected, "dtype")), t->dtype) && json_array_size(shape) == (size_t) t->rank;

    for (int d = 0; same && d < t->rank; d++)
        same = json_integer_value(json_array_get(shape, (size_t) d)) == t->shape[d];
    test_sha256(hex, t->data, (size_t) ac_tensor_count(t) * ac_dtype_bytes(t->dtype));
    if (!same || strcmp(hex, json_string_value(json_object_get(expected, "sha256"))) != 0) {
        print_error("%s: %s: %s\n", file, t->name, same ? "other content" : "other type or shape");
        wrong++;
    }
}

/* A verdict against what happened. Returns whether the content is to be compared. */
static bool
check_verdict(const char *file, const json_t *expected, ac_status st)
{
    const char *verdict = json_string_value(json_object_get(expected, "verdict"));

    if ((strcmp(verdict, "ok") == 0 && st != AC_OK) || (strcmp(verdict, "reject") == 0 && st == AC_OK)) {
        print_error("%s: wanted %s, found: %s\n", file, verdict, st == AC_OK ? "ok" : ac_error_message());
        wrong++;
    }
    if (st != AC_OK && !strstr(ac_error_message(), file)) {
        print_error("%s: the message does not name the file: %s\n", file, ac_error_message());
        wrong++;
    }
    return st == AC_OK && strcmp(verdict, "ok") == 0;
}

static void
npy(void **state)
{
    char *path = golden_path("formats/npy/expected.json"), file[4096];
    json_t *all, *expected;
    const char *name;
    int checked = 0;

    (void) state;
    if (!path)
        skip();
    all = test_read_json(path);
    *strrchr(path, '/') = '\0';
    wrong = 0;
    json_object_foreach(all, name, expected) {
        ac_npy a;
        if (!json_object_get(expected, "verdict"))
            continue;
        snprintf(file, sizeof file, "%s/%s", path, name);
        if (check_verdict(name, expected, ac_npy_open(&a, file)))
            check_tensor(name, &a.tensor, json_object_get(expected, "tensor") ? json_object_get(expected, "tensor") : expected);
        ac_npy_close(&a);
        checked++;
    }
    assert_int_equal(wrong, 0);
    assert_true(checked > 0);
    json_decref(all);
    free(path);
}

static void
safetensors(void **state)
{
    char *path = golden_path("formats/safetensors/expected.json"), file[4096];
    json_t *all, *expected, *tensor;
    const char *name, *key;
    int checked = 0;

    (void) state;
    if (!path)
        skip();
    all = test_read_json(path);
    *strrchr(path, '/') = '\0';
    wrong = 0;
    json_object_foreach(all, name, expected) {
        ac_safetensors s;
        if (!json_object_get(expected, "verdict"))
            continue;
        snprintf(file, sizeof file, "%s/%s", path, name);
        if (check_verdict(name, expected, ac_safetensors_open(&s, file))) {
            json_t *tensors = json_object_get(expected, "tensors");
            assert_int_equal(json_object_size(tensors), s.tensors.count);
            json_object_foreach(tensors, key, tensor) {
                assert_non_null(ac_tensors_find(&s.tensors, key));
                check_tensor(name, ac_tensors_find(&s.tensors, key), tensor);
            }
        }
        ac_safetensors_close(&s);
        checked++;
    }
    assert_int_equal(wrong, 0);
    assert_true(checked > 0);
    json_decref(all);
    free(path);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(npy), cmocka_unit_test(safetensors) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
