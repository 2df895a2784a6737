#include "tests/support/formats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/golden.h"

static int wrong;

void
test_format_wrong(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vprint_error(format, args);
    va_end(args);
    wrong++;
}

void
test_format_topic(const char *topic, test_format_check check)
{
    char *path, file[4096];
    json_t *all, *expected;
    const char *name;
    int checked = 0;

    snprintf(file, sizeof file, "formats/%s/expected.json", topic);
    path = golden_path(file);
    if (!path)
        skip();
    all = test_read_json(path);
    *strrchr(path, '/') = '\0';
    wrong = 0;
    json_object_foreach(all, name, expected)
    {
        if (!json_object_get(expected, "verdict"))
            continue;
        snprintf(file, sizeof file, "%s/%s", path, name);
        check(name, file, expected);
        checked++;
    }
    print_message("%s: %d files\n", topic, checked);
    assert_int_equal(wrong, 0);
    assert_true(checked > 0);
    json_decref(all);
    free(path);
}

bool
test_format_verdict(const char *name, const json_t *expected, ac_status st)
{
    const char *verdict = json_string_value(json_object_get(expected, "verdict"));

    if ((strcmp(verdict, "ok") == 0 && st != AC_OK) ||
        (strcmp(verdict, "reject") == 0 && st == AC_OK))
        test_format_wrong("%s: wanted %s, found: %s\n", name, verdict,
                          st == AC_OK ? "ok" : ac_error_message());
    if (st != AC_OK && !strstr(ac_error_message(), name))
        test_format_wrong("%s: the message does not name the file: %s\n", name,
                          ac_error_message());
    return st == AC_OK && strcmp(verdict, "reject") != 0;
}

static bool
same_dtype(const char *name, ac_dtype dtype)
{
    static const char *const names[] = { "f4", "f8", "f2", "bf16", "i1", "i2", "i4",
                                         "i8", "u1", "u2", "u4",   "u8", "b1" };

    return strcmp(name, names[dtype]) == 0;
}

void
test_format_tensor(const char *file, const ac_tensor *t, const json_t *expected)
{
    const json_t *shape = json_object_get(expected, "shape");
    char hex[65];
    bool same = same_dtype(json_string_value(json_object_get(expected, "dtype")), t->dtype) &&
                json_array_size(shape) == (size_t) t->rank;

    for (int d = 0; same && d < t->rank; d++)
        same = json_integer_value(json_array_get(shape, (size_t) d)) == t->shape[d];
    test_sha256(hex, t->data, (size_t) ac_tensor_count(t) * ac_dtype_bytes(t->dtype));
    if (!same || strcmp(hex, json_string_value(json_object_get(expected, "sha256"))) != 0)
        test_format_wrong("%s: %s: %s\n", file, t->name,
                          same ? "other content" : "other type or shape");
}

void
test_format_tensors(const char *file, const ac_tensors *found, const json_t *expected)
{
    const char *key;
    json_t *tensor;

    json_object_foreach((json_t *) (uintptr_t) expected, key, tensor)
    {
        const ac_tensor *t = ac_tensors_find(found, key);
        if (t)
            test_format_tensor(file, t, tensor);
        else
            test_format_wrong("%s: no tensor \"%s\"\n", file, key);
    }
}
