/* AC_FUZZ_CORPUS: data/golden/gguf/malformed */
/* GGUF. Promises: refused, or every number of every tensor lies within the file, keys are
 * sorted, strings of arrays are within the file, and the model's and tokenizer's readers refuse
 * or make what they read. */
#include <stdlib.h>

#include "io/checkpoint/gguf.h"
#include "tests/support/fuzz.h"

enum { CHUNK = 1000 };

static void
read_all(const ac_gguf *g, const ac_tensor *t, const char *format)
{
    const int64_t n = ac_tensor_count(t);
    float y[CHUNK];

    (void) format;
    if (ac_gguf_check_formats(g) != AC_OK || t->dtype > AC_BF16)
        return;
    for (int64_t i = 0; i < n; i += CHUNK)
        ac_tensor_read(t, y, i, n - i < CHUNK ? n - i : CHUNK);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    ac_gguf g;

    if (ac_gguf_open(&g, fuzz_file(data, n)) == AC_OK) {
        for (int64_t i = 0; i < g.tensors.count; i++)
            read_all(&g, &g.items[i], g.formats[i]);
        for (int64_t i = 0; i < g.pair_count; i++) {
            const ac_gguf_pair *p = &g.pairs[i];
            size_t at = 0, size;
            FUZZ_CHECK(p->data >= g.map.data && p->size <= g.map.size &&
                       p->data + p->size <= g.map.data + g.map.size);
            if (p->type == AC_GGUF_ARRAY && p->element == AC_GGUF_STRING) {
                for (uint64_t k = 0; k < p->count; k++)
                    ac_gguf_next_string(p, &at, &size);
                FUZZ_CHECK(at <= p->size);
            }
        }
    }
    ac_gguf_close(&g);
    return 0;
}
