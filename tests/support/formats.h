/** What golden/formats/<topic>/expected.json says of a file, against what a reader did. See
 * golden/formats/README.md. */
#ifndef AC_TESTS_SUPPORT_FORMATS_H
#define AC_TESTS_SUPPORT_FORMATS_H

#include <jansson.h>
#include <stdbool.h>

#include "engine/base/tensor.h"

/** Called for each file of the topic: its name, path, and entry in expected.json. */
typedef void (*test_format_check)(const char *name, const char *path, const json_t *expected);

/** Check every file; skips the test where the topic is not here, fails it where any check
 * counted something wrong. */
void test_format_topic(const char *topic, test_format_check check);

/** Compare item_status and message (which must name the file) with what the reader returned;
 * count what is wrong. Returns whether the content is to be compared: the file was read, and
 * that is right. */
bool test_format_verdict(const char *name, const json_t *expected, ac_status st);

/** Compare type, shape and the SHA-256 of the values. */
void test_format_tensor(const char *file, const ac_tensor *t, const json_t *expected);

/** Every tensor of `expected` (name -> tensor) must be in `found`. */
void test_format_tensors(const char *file, const ac_tensors *found, const json_t *expected);

/** Count something else that is wrong, and say it. */
void test_format_wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
