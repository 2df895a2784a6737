/* AC_FUZZ_CORPUS: data/golden/formats/safetensors */
/* Safetensors. Promises: refused, or tensors within the file. */
#include "io/checkpoint/safetensors.h"
#include "tests/support/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    ac_safetensors s;

    if (ac_safetensors_open(&s, fuzz_file(data, n)) == AC_OK)
        fuzz_check_tensors(&s.tensors);
    ac_safetensors_close(&s);
    return 0;
}
