/* OpenAI's vocabulary of CLIP, gzip or plain. Promises: refused, or a tokenizer that encodes.
 */
#include "io/checkpoint/tokenizer_files.h"
#include "tests/support/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    ac_tokenizer t = { 0 };
    ac_encoding e = { 0 };
    char fingerprint[33];

    if (ac_tokenizer_open(&t, "/nowhere", fuzz_file(data, n), AC_TOKENIZER_ANY, fingerprint) ==
        AC_OK) {
        FUZZ_CHECK(ac_tokenizer_encode(&t, "a red car", 9, 8, true, &e) == AC_OK &&
                   e.count <= 8);
        ac_encoding_free(&e);
        ac_tokenizer_free(&t);
    }
    return 0;
}
