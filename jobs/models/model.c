#include "jobs/models/model.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/base/memory.h"
#include "io/file/checksum.h"

ac_status
ac_packed_init(ac_packed *self, size_t size)
{
    *self = (ac_packed){ .size = size, .fills = true };
    return ac_alloc_aligned(&self->bytes, (int64_t) size, 1);
}

void
ac_packed_free(ac_packed *self)
{
    if (self->release)
        self->release(self->bytes, self->size);
    else
        free(self->bytes);
    *self = (ac_packed){ 0 };
}

void
ac_model_join_fingerprints(char out[33], const char *a, const char *b)
{
    char both[80];
    const int n = snprintf(both, sizeof both, "%s %s", a, b);

    ac_checksum_bytes(both, (size_t) n, out);
}

ac_status
ac_model_join_description(char fingerprint[33], ac_buffer *text)
{
    const ac_status st = text->status;
    char own[33];

    if (st == AC_OK) {
        ac_checksum_bytes(text->data, text->size, own);
        ac_model_join_fingerprints(fingerprint, fingerprint, own);
    }
    ac_buffer_free(text);
    return st;
}

ac_status
ac_model_check_vocabulary(const ac_tokenizer *tokenizer, const char *from, int64_t vocab_size,
                          int32_t end)
{
    if (ac_tokenizer_size(tokenizer) > vocab_size)
        return ac_error_set(AC_E_FORMAT,
                            "%s: the vocabulary has %lld entries, but the model's token "
                            "embedding only %lld: another model's vocabulary?",
                            from, (long long) ac_tokenizer_size(tokenizer),
                            (long long) vocab_size);
    if (tokenizer->end != end)
        return ac_error_set(AC_E_FORMAT,
                            "%s: the vocabulary's end token is %d, but the model's config says "
                            "%d: another model's vocabulary?",
                            from, tokenizer->end, end);
    return AC_OK;
}
