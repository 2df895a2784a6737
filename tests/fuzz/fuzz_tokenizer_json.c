/* AC_FUZZ_CORPUS: data/golden/tokenizer_json/malformed;data/golden/tokenizer_json/variants */
/* tokenizer.json. Promises: refused with a message that names the file, or a tokenizer that
 * makes of any text ids of its vocabulary, as many as asked for, and a text of UTF-8 of them.
 */
#include <string.h>

#include "engine/text/unicode.h"
#include "io/checkpoint/tokenizer_json.h"
#include "tests/support/fuzz.h"

/* Any kind that a caller may ask for; -1: the file decides. */
static const int kinds[] = { -1, AC_TOKENIZER_CLIP, AC_TOKENIZER_BART, AC_TOKENIZER_SIGLIP };

static void
check(const ac_tokenizer *t, const char *text)
{
    ac_encoding e = { 0 }, cut = { 0 };
    ac_buffer back = { 0 };
    const ac_status st = ac_tokenizer_encode(t, text, strlen(text), 0, true, &e);

    if (st == AC_E_LIMIT || st == AC_E_FORMAT) { /* a regular expression that takes too long; a
                                                    rule whose replacement is not UTF-8 */
        ac_encoding_free(&e);
        return;
    }
    FUZZ_CHECK(st == AC_OK);
    for (int64_t i = 0; i < e.count; i++)
        FUZZ_CHECK(e.ids[i] >= 0 && e.ids[i] < ac_tokenizer_size(t));
    FUZZ_CHECK(ac_tokenizer_encode(t, text, strlen(text), 4, true, &cut) == AC_OK);
    FUZZ_CHECK(cut.length == e.count && cut.count == (e.count < 4 ? e.count : 4));
    FUZZ_CHECK(ac_tokenizer_decode(t, e.ids, e.count, true, &back) == AC_OK);
    FUZZ_CHECK(back.size == 0 || ac_utf8_check(back.data, back.size) == AC_OK);
    ac_encoding_free(&e);
    ac_encoding_free(&cut);
    ac_buffer_free(&back);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const texts[] = {
        "", " ", "a <new> cat<|endoftext|> it's 12 o'clock",
        "Caf\xc3\xa9 \xe2\x96\x81 \xc2\xbd\xe2\x80\xa8x \xf0\x9f\x90\x88\t\n\n ab abc <b> zz"
    };

    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        ac_tokenizer t = { 0 };
        if (ac_tokenizer_json_read(&t, (const char *) data, n, "fuzz.json", kinds[k]) !=
            AC_OK) {
            FUZZ_CHECK(strncmp(ac_error_message(), "fuzz.json", 9) == 0);
            continue;
        }
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
            check(&t, texts[i]);
        ac_tokenizer_free(&t);
    }
    return 0;
}
