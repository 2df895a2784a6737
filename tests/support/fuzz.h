/** What a fuzz harness (tests/fuzz/fuzz_X.c) gives: libFuzzer's entry point. Its corpus: the files of tests/fuzz/corpus/X/. */
#ifndef AC_TESTS_SUPPORT_FUZZ_H
#define AC_TESTS_SUPPORT_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/** Returns 0; aborts where the code under test broke a promise. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/** Abort with file and line where a promise is broken; kept in every build. */
#define FUZZ_CHECK(condition) ((condition) ? (void) 0 : fuzz_broken(__FILE__, __LINE__, #condition))
void fuzz_broken(const char *file, int line, const char *condition) __attribute__((noreturn));

#endif
