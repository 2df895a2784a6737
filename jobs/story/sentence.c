#include "jobs/story/sentence.h"

#include <string.h>

/* Does one of the signs begin here? Its bytes; 0: none. */
static size_t
sign(const char *text, size_t n, const char *const *signs)
{
    for (; *signs; signs++) {
        const size_t size = strlen(*signs);
        if (size <= n && memcmp(text, *signs, size) == 0)
            return size;
    }
    return 0;
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Bytes up to the end of the first sentence; 0: it does not end here. */
static size_t
sentence_end(const char *text, size_t n)
{
    static const char *const ends[] = { ".", "!", "?", "…", NULL },
                             *const closed[] = { "\"", "'", ")", "]", "”", "’", "»", NULL },
                             *const wide[] = { "。", "！", "？", NULL };

    for (size_t i = 0; i < n;) {
        size_t at = i, size = sign(text + i, n - i, wide);
        if (size || text[i] == '\n')
            return i + (size ? size : 1);
        for (; (size = sign(text + at, n - at, ends)) > 0; at += size)
            ;
        if (at == i) {
            i++;
            continue;
        }
        for (; (size = sign(text + at, n - at, closed)) > 0; at += size)
            ;
        if (at == n || is_blank(text[at]))
            return at;
        i = at;
    }
    return 0;
}

static size_t
blanks(const char *text, size_t n)
{
    size_t i = 0;

    while (i < n && is_blank(text[i]))
        i++;
    return i;
}

ac_status
ac_story_first_sentence(ac_buffer *out, const char *prompt, size_t prompt_bytes,
                        const char *text, size_t n)
{
    size_t at, end;

    ac_buffer_reset(out);
    ac_buffer_push(out, "", 0);
    for (at = blanks(prompt, prompt_bytes);
         (end = sentence_end(prompt + at, prompt_bytes - at)) > 0;
         at += blanks(prompt + at, prompt_bytes - at))
        at += end;
    ac_buffer_push(out, prompt + at, prompt_bytes - at);
    at = out->size ? 0 : blanks(text, n);
    end = sentence_end(text + at, n - at);
    ac_buffer_push(out, text + at, end ? end : n - at);
    while (out->status == AC_OK && out->size && is_blank(out->data[out->size - 1]))
        out->data[--out->size] = '\0';
    return out->status;
}
