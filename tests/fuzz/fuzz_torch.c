/* AC_FUZZ_CORPUS: data/golden/formats/torch */
/* PyTorch's files, zip and legacy, and the layer norms in them. Promises: refused, or tensors
 * whose bytes can be read; scalars with names. */
#include <string.h>

#include "io/checkpoint/lightning.h"
#include "io/checkpoint/torch.h"
#include "tests/support/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const char *path = fuzz_file(data, n);
    ac_torch t;
    ac_lightning c;

    if (ac_torch_open(&t, path) == AC_OK) {
        fuzz_check_tensors(&t.tensors);
        for (int64_t i = 0; i < t.scalar_count; i++)
            FUZZ_CHECK(t.scalars[i].name &&
                       (t.scalars[i].type != AC_TORCH_TEXT || !t.scalars[i].text_size ||
                        t.scalars[i].text[t.scalars[i].text_size - 1] + 1));
    }
    ac_torch_close(&t);
    if (ac_lightning_open(&c, path) == AC_OK)
        fuzz_check_tensors(&c.layer_norms);
    ac_lightning_close(&c);
    return 0;
}
