/* AC_FUZZ_CORPUS: data/golden/formats/npy */
/* NumPy's arrays. Promises: refused, or an array within the file. */
#include "io/checkpoint/npy.h"
#include "tests/support/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    ac_npy a;

    if (ac_npy_open(&a, fuzz_file(data, n)) == AC_OK) {
        const ac_tensors one = { .items = &a.tensor, .count = 1 };
        fuzz_check_tensors(&one);
    }
    ac_npy_close(&a);
    return 0;
}
