/* Tokenizers: any bytes in. Promises: UTF-8 or refused; ids of the vocabulary; cut to the
 * maximum; the cleaning's result is UTF-8; BART's decoding of its encoding gives the text back.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/text/clean.h"
#include "engine/text/tokenizer.h"
#include "engine/text/unicode.h"
#include "io/checkpoint/tokenizer_files.h"
#include "tests/support/fuzz.h"

enum { CONTEXT = 77 };

static ac_tokenizer clip, bart;

static void
open_once(ac_tokenizer *t, const char *folder, int kind)
{
    char fingerprint[33];

    if (!t->pattern)
        FUZZ_CHECK(ac_tokenizer_open(t, folder, NULL, kind, fingerprint) == AC_OK);
}

static void
check_encoding(const ac_tokenizer *t, const char *text, size_t n, bool valid)
{
    ac_encoding e = { 0 };

    FUZZ_CHECK((ac_tokenizer_encode(t, text, n, CONTEXT, true, &e) == AC_OK) == valid);
    FUZZ_CHECK(e.count <= CONTEXT && e.length >= e.count);
    for (int64_t i = 0; i < e.count; i++)
        FUZZ_CHECK(e.ids[i] >= 0 && e.ids[i] < ac_tokenizer_size(t));
    if (valid)
        FUZZ_CHECK(e.count >= 2 && e.ids[0] == t->start && e.ids[e.count - 1] == t->end);
    ac_encoding_free(&e);
}

static void
check_round_trip(const char *text, size_t n)
{
    ac_encoding e = { 0 };
    ac_buffer back = { 0 };

    FUZZ_CHECK(ac_tokenizer_encode(&bart, text, n, 0, true, &e) == AC_OK);
    FUZZ_CHECK(ac_tokenizer_decode(&bart, e.ids, e.count, false, &back) == AC_OK);
    FUZZ_CHECK(back.size == n && (n == 0 || memcmp(back.data, text, n) == 0));
    ac_encoding_free(&e);
    ac_buffer_free(&back);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const char *text = (const char *) data;
    const bool valid = ac_utf8_check(text, n) == AC_OK;
    ac_buffer cleaned = { 0 };

    open_once(&clip, AC_TEST_DATA "/golden/clip_tokenizer/demo", AC_TOKENIZER_CLIP);
    open_once(&bart, AC_TEST_DATA "/golden/bart_tokenizer/demo", AC_TOKENIZER_BART);
    check_encoding(&clip, text, n, valid);
    check_encoding(&bart, text, n, valid);
    if (valid) {
        FUZZ_CHECK(ac_text_clean_clip(&cleaned, text, n) == AC_OK);
        FUZZ_CHECK(cleaned.size == 0 || ac_utf8_check(cleaned.data, cleaned.size) == AC_OK);
        if (!memchr(text, '<', n)) /* no special token in it */
            check_round_trip(text, n);
    }
    ac_buffer_free(&cleaned);
    return 0;
}
