/**
 * What a fuzz harness (tests/fuzz/fuzz_X.c) gives: libFuzzer's entry point. Its corpus: the
 * files of tests/fuzz/corpus/X/, and of the folders that its line "AC_FUZZ_CORPUS:
 * folder;folder" names, below tests/.
 */
#ifndef AC_TESTS_SUPPORT_FUZZ_H
#define AC_TESTS_SUPPORT_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/** Returns 0; aborts where the code under test broke a promise. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/** Abort with file and line where a promise is broken; kept in every build. */
#define FUZZ_CHECK(condition) \
    ((condition) ? (void) 0 : fuzz_broken(__FILE__, __LINE__, #condition))
void fuzz_broken(const char *file, int line, const char *condition) __attribute__((noreturn));

/** The input as a file, for readers that want a path. Valid until the next call; in memory, so
 * nothing is left behind. */
const char *fuzz_file(const uint8_t *data, size_t n);

/** The same as FOLDER/name in a folder of the process's own (removed at its end); returns the
 * folder. */
const char *fuzz_folder(const char *name, const uint8_t *data, size_t n);

struct ac_tensors;

/** A reader's tensors: sorted, their bytes all readable. */
void fuzz_check_tensors(const struct ac_tensors *tensors);

#endif
