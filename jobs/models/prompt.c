#include "jobs/models/prompt.h"

#include <string.h>

void
ac_prompt_free(ac_prompt *self)
{
    ac_buffer_free(&self->text);
    ac_encoding_free(&self->encoding);
}

static bool
is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') ||
           (c >= 0x1c && c <= 0x1f); /* str.strip() of Python, ASCII part */
}

/* Narrow text [size] to what is inside its leading and trailing white space. */
static void
strip(const char **text, size_t *size)
{
    while (*size && is_space(**text)) {
        ++*text;
        --*size;
    }
    while (*size && is_space((*text)[*size - 1]))
        --*size;
}

ac_status
ac_prompt_join(ac_prompt *self, const ac_texts *entries, int64_t first, const int64_t *ids,
               int64_t K)
{
    ac_buffer_reset(&self->text);
    ac_buffer_push(&self->text, "", 0);
    for (int64_t k = 0; k < K; k++) {
        const char *entry;
        size_t size;
        if (ids[k] < 0)
            continue;
        entry = ac_texts_at(entries, first + k);
        size = ac_texts_size(entries, first + k);
        strip(&entry, &size);
        ac_buffer_push(&self->text, entry, size);
        ac_buffer_push(&self->text, " | ", 3);
    }
    return self->text.status;
}

ac_status
ac_prompt_encode(ac_prompt *self, const ac_tokenizer *tokenizer, int64_t limit)
{
    return ac_tokenizer_encode(tokenizer, self->text.data, self->text.size, limit, true,
                               &self->encoding);
}

ac_status
ac_prompt_decode(ac_buffer *text, const ac_tokenizer *tokenizer, const int32_t *ids, int64_t n,
                 bool clean_up)
{
    const char *inside;
    size_t size;
    ac_status st;

    ac_buffer_reset(text);
    ac_buffer_push(text, "", 0);
    st = text->status;
    if (st == AC_OK)
        st = ac_tokenizer_decode(tokenizer, ids, n, clean_up, text);
    if (st != AC_OK)
        return st;
    inside = text->data;
    size = text->size;
    strip(&inside, &size);
    memmove(text->data, inside, size);
    text->data[size] = '\0';
    text->size = size;
    return AC_OK;
}
