#include "tests/support/model.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

const ac_tensor *
test_tensor(const ac_tensors *set, const char *name)
{
    const ac_tensor *t = ac_tensors_find(set, name);

    if (!t)
        fail_msg("%s: no tensor %s", set->source, name);
    return t;
}

const float *
test_floats(const ac_tensors *set, const char *name)
{
    const float *x = ac_tensor_in_place(test_tensor(set, name));

    if (!x)
        fail_msg("%s: %s is not float32, or not aligned", set->source, name);
    return x;
}

int64_t
test_integer(const ac_tensor *tensor, int64_t i)
{
    int32_t narrow;
    int64_t wide;

    if (tensor->dtype == AC_I32) {
        memcpy(&narrow, (const char *) tensor->data + 4 * i, 4);
        return narrow;
    }
    assert_int_equal(tensor->dtype, AC_I64);
    memcpy(&wide, (const char *) tensor->data + 8 * i, 8);
    return wide;
}

int
test_backends(ac_compute out[TEST_BACKENDS])
{
    out[0] = (ac_compute){ AC_BACKEND_NATIVE, AC_PRECISION_FP32 };
    out[1] = (ac_compute){ AC_BACKEND_OPENBLAS, AC_PRECISION_FP32 };
    out[2] = (ac_compute){ AC_BACKEND_ONEDNN, AC_PRECISION_FP32 };
#ifdef AC_HAVE_DNNL
    return 3;
#else
    return 2;
#endif
}

void
test_on_each_backend(const char *model, void (*check)(const char *model, ac_compute backend))
{
    ac_compute backends[TEST_BACKENDS];
    const int n = test_backends(backends);

    for (int i = 0; i < n; i++)
        check(model, backends[i]);
}
