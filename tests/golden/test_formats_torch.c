/* AC_TEST_LABELS: formats */
/* PyTorch's files: every tensor of the good ones, and a refusal of the damaged and hostile ones
 * that runs nothing (golden/formats). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/checkpoint/torch.h"
#include "tests/support/formats.h"
#include "tests/support/golden.h"

/* What the hostile files would make in the current folder if anything of them ran. */
#define WITNESS "hostile_pickle_was_run"

static void
check_scalars(const char *name, const ac_torch *t, const json_t *expected)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *) (uintptr_t) expected, key, value)
    {
        const ac_torch_scalar *s = ac_torch_find_scalar(t, key);
        const bool same =
            json_is_null(value) ? s == NULL
            : !s                ? false
            : json_is_integer(value)
                ? s->type == AC_TORCH_INT && s->integer == json_integer_value(value)
            : json_is_boolean(value)
                ? s->type == AC_TORCH_BOOL && s->integer == json_is_true(value)
            : json_is_real(value)
                ? s->type == AC_TORCH_REAL && s->real == json_real_value(value)
                : s->type == AC_TORCH_TEXT && s->text_size == json_string_length(value) &&
                      memcmp(s->text, json_string_value(value), s->text_size) == 0;
        if (!same)
            test_format_wrong("%s: the value of \"%s\" differs\n", name, key);
    }
}

static void
check(const char *name, const char *path, const json_t *expected)
{
    const json_t *tensors = json_object_get(expected, "tensors"),
                 *state = json_object_get(expected, "state_dict");
    const char *kind = json_string_value(json_object_get(expected, "kind"));
    ac_torch t;
    const ac_status st = ac_torch_open(&t, path);

    print_message("%s: %s\n", name, st == AC_OK ? "read" : ac_error_message());
    if (test_format_verdict(name, expected, st)) {
        if (tensors && json_object_size(tensors) != (size_t) t.tensors.count)
            test_format_wrong("%s: %lld tensors\n", name, (long long) t.tensors.count);
        test_format_tensors(name, &t.tensors, tensors);
        test_format_tensors(name, &t.tensors, state);
        check_scalars(name, &t, json_object_get(expected, "scalars"));
        if ((t.kind == AC_TORCH_SCRIPT) != (kind && strcmp(kind, "TorchScript") == 0))
            test_format_wrong("%s: kind %d\n", name, (int) t.kind);
        if (state) {
            const ac_torch_scalar *epoch = ac_torch_find_scalar(&t, "epoch"),
                                  *step = ac_torch_find_scalar(&t, "global_step");
            if (!epoch ||
                epoch->integer != json_integer_value(json_object_get(expected, "epoch")) ||
                !step ||
                step->integer != json_integer_value(json_object_get(expected, "global_step")))
                test_format_wrong("%s: epoch and global_step\n", name);
        }
    }
    if (st != AC_OK && json_object_get(expected, "call") &&
        strstr(name, ".pt")) { /* ".eval": its module has two names */
        if (!strstr(ac_error_message(),
                    strrchr(json_string_value(json_object_get(expected, "call")), '.')))
            test_format_wrong("%s: the message does not say what it calls: %s\n", name,
                              ac_error_message());
    }
    if (access(WITNESS, F_OK) == 0)
        test_format_wrong("%s: it ran\n", name);
    ac_torch_close(&t);
}

static void
torch(void **state)
{
    char folder[] = "/tmp/ac_torch_XXXXXX";
    char *before = getcwd(NULL, 0);

    (void) state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    test_format_topic("torch", check);
    assert_int_equal(chdir(before), 0);
    assert_int_equal(rmdir(folder), 0); /* so nothing was made in it */
    free(before);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(torch) };

    return golden_result(cmocka_run_group_tests(tests, NULL, NULL));
}
