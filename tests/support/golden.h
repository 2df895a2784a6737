/** Golden data: where it is, and comparing with it. */
#ifndef AC_TESTS_SUPPORT_GOLDEN_H
#define AC_TESTS_SUPPORT_GOLDEN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * A golden file or folder ("clip/a_expected.safetensors", "bart/b") as a plain one: what lies
 * compressed as X.zst is decompressed first, into the build's folder. Looked for in $AC_GOLDEN
 * if that is set, else in tests/data/golden. NULL, said on stderr, where $AC_GOLDEN has none:
 * skip(). tests/data/golden has what every test asks for: a file that is not there fails the
 * test. Free with free().
 */
char *golden_path(const char *relative);

/** What main returns after `failed` tests failed: 77, so that the test counts as skipped, where
 * $AC_GOLDEN had nothing of what was asked for. */
int golden_result(int failed);

/** Whole file, zero byte after it; fails the test where it cannot be read. Free with free(). */
char *test_read_file(const char *path, size_t *bytes);

/** Each line of a JSON-lines file (JSON_ALLOW_NUL), as a JSON array. Fails the test on bad
 * JSON. */
json_t *test_read_jsonl(const char *path);
json_t *test_read_json(const char *path);

/** Largest |a - b|; INFINITY if either has a NaN. */
double test_max_difference(const float *a, const float *b, int64_t n);

/** Fails with the name, the place and both values if any |a - b| exceeds tolerance, or is NaN.
 */
void test_assert_close(const char *name, const float *a, const float *expected, int64_t n,
                       double tolerance);

/** SHA-256 in lower-case hexadecimal, 64 letters and a zero byte. */
void test_sha256(char hex[65], const void *bytes, size_t n);

#endif
