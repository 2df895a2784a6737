/* sentencepiece's model files. Promises: refused, or a model that cuts any text into ids of its
 * vocabulary. */
#include <string.h>

#include "engine/text/tokenizer.h"
#include "io/checkpoint/sentencepiece.h"
#include "tests/support/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const texts[] = { "", "A cat, and\ta dog", "ﬁne zzz \xe2\x96\x81 </s> x",
                                         "on a mat" };
    ac_unigram model = { 0 };
    ac_tokenizer t = { 0 };
    ac_encoding e = { 0 };
    ac_buffer text = { 0 };

    if (ac_sentencepiece_read(&model, (const char *) data, n, "fuzz") != AC_OK ||
        ac_tokenizer_init_siglip_take(&t, &model) != AC_OK)
        return 0;
    for (int i = 0; i < 4; i++) {
        if (ac_tokenizer_encode(&t, texts[i], strlen(texts[i]), 0, true, &e) != AC_OK)
            continue; /* a rule whose replacement is not UTF-8 */
        FUZZ_CHECK(e.count > 0 && e.ids[e.count - 1] == t.end);
        for (int64_t k = 0; k < e.count; k++)
            FUZZ_CHECK(e.ids[k] >= 0 && e.ids[k] < ac_tokenizer_size(&t));
        FUZZ_CHECK(ac_tokenizer_decode(&t, e.ids, e.count, false, &text) == AC_OK);
    }
    ac_buffer_free(&text);
    ac_encoding_free(&e);
    ac_tokenizer_free(&t);
    return 0;
}
