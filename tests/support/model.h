/** Models of the golden data, and comparing a network's inside with golden tensors. */
#ifndef AC_TESTS_SUPPORT_MODEL_H
#define AC_TESTS_SUPPORT_MODEL_H

#include "engine/base/tensor.h"
#include "engine/linear/compute.h"

/** A golden tensor; fails the test where it is missing. */
const ac_tensor *test_tensor(const ac_tensors *set, const char *name);
const float *test_floats(const ac_tensors *set, const char *name);

/** Element i of an I32 or I64 tensor. */
int64_t test_integer(const ac_tensor *tensor, int64_t i);

/** The backends and precisions of this build that give fp32 results. */
enum { TEST_BACKENDS = 3 };
int test_backends(ac_compute out[TEST_BACKENDS]);

/** check(model, backend) for each backend of this build. */
void test_on_each_backend(const char *model,
                          void (*check)(const char *model, ac_compute backend));

#endif
