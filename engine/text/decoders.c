#include <ctype.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/text/bpe.h"
#include "engine/text/text_steps.h"
#include "engine/text/unicode.h"

/* Of a token in GPT-2's alphabet the bytes that it stands for, of any other its own. */
static ac_status
push_bytes(const ac_texts *tokens, ac_buffer *out)
{
    for (int64_t i = 0; i < tokens->count; i++) {
        const char *token = ac_texts_at(tokens, i);
        const size_t n = ac_texts_size(tokens, i), first = out->size;
        for (size_t at = 0; at < n;) {
            const int byte = ac_bpe_byte_of(ac_utf8_next(token, n, &at));
            if (byte < 0) {
                out->size = first;
                ac_buffer_push(out, token, n);
                break;
            }
            ac_buffer_push_char(out, (char) byte);
        }
    }
    return out->status;
}

/* All tokens as one. */
static ac_status
byte_level(const ac_texts *tokens, ac_texts *out)
{
    ac_buffer bytes = { 0 }, text = { 0 };
    ac_status st = AC_OK;

    AC_TRY(push_bytes(tokens, &bytes));
    AC_TRY(ac_utf8_replace(&text, bytes.data ? bytes.data : "", bytes.size));
    st = ac_texts_push(out, text.data ? text.data : "", text.size);
out:
    ac_buffer_free(&bytes);
    ac_buffer_free(&text);
    return st;
}

static ac_status
fuse(const ac_texts *tokens, ac_texts *out)
{
    return ac_texts_push(out, tokens->bytes.data ? tokens->bytes.data : "", tokens->bytes.size);
}

int
ac_text_byte_token(const char *t, size_t n)
{
    int value = 0;

    if (n != 6 || memcmp(t, "<0x", 3) != 0 || t[5] != '>' || !isxdigit((unsigned char) t[3]) ||
        !isxdigit((unsigned char) t[4]))
        return -1;
    for (int i = 3; i < 5; i++) {
        const int c = tolower((unsigned char) t[i]);
        value = value * 16 + (c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return value;
}

/* A run of bytes: the text they are, or U+FFFD for each. */
static ac_status
end_bytes(ac_buffer *bytes, ac_texts *out)
{
    ac_status st = AC_OK;

    if (bytes->size == 0)
        return AC_OK;
    if (ac_utf8_check(bytes->data, bytes->size) == AC_OK)
        AC_TRY(ac_texts_push(out, bytes->data, bytes->size));
    else
        for (size_t i = 0; i < bytes->size; i++)
            AC_TRY(ac_texts_push(out, "\xef\xbf\xbd", 3));
    ac_buffer_reset(bytes);
out:
    return st;
}

static ac_status
byte_fallback(const ac_texts *tokens, ac_texts *out)
{
    ac_buffer bytes = { 0 };
    ac_status st = AC_OK;

    for (int64_t i = 0; i < tokens->count; i++) {
        const int byte = ac_text_byte_token(ac_texts_at(tokens, i), ac_texts_size(tokens, i));
        if (byte >= 0) {
            AC_TRY(ac_buffer_push_char(&bytes, (char) byte));
            continue;
        }
        AC_TRY(end_bytes(&bytes, out));
        AC_TRY(ac_texts_push(out, ac_texts_at(tokens, i), ac_texts_size(tokens, i)));
    }
    st = end_bytes(&bytes, out);
out:
    ac_buffer_free(&bytes);
    return st;
}

static ac_status
trim(const ac_text_step *step, const char *t, size_t n, ac_texts *out)
{
    const size_t m = step->text_bytes;
    size_t from = 0, to = n;

    for (int64_t k = 0;
         k < step->count_left && to - from >= m && memcmp(t + from, step->text, m) == 0; k++)
        from += m;
    for (int64_t k = 0;
         k < step->count_right && to - from >= m && memcmp(t + to - m, step->text, m) == 0; k++)
        to -= m;
    return ac_texts_push(out, t + from, to - from);
}

/* Each occurrence of step->text becomes a blank, or nothing. */
static ac_status
blanks(const ac_text_step *step, const char *t, size_t n, bool drop, ac_texts *out)
{
    ac_buffer text = { 0 };
    ac_status st = AC_OK;

    for (size_t i = 0; i < n;) {
        if (n - i < step->text_bytes || memcmp(t + i, step->text, step->text_bytes) != 0) {
            ac_buffer_push_char(&text, t[i++]);
            continue;
        }
        if (!drop)
            ac_buffer_push_char(&text, ' ');
        i += step->text_bytes;
    }
    AC_TRY(text.status);
    st = ac_texts_push(out, text.data ? text.data : "", text.size);
out:
    ac_buffer_free(&text);
    return st;
}

static ac_status
replace(const ac_text_step *step, const char *t, size_t n, ac_texts *out)
{
    ac_text_steps one = { .items = (ac_text_step *) (uintptr_t) step, .count = 1 };
    ac_buffer text = { 0 };
    ac_status st = ac_text_normalise(&one, t, n, &text);

    if (st == AC_OK)
        st = ac_texts_push(out, text.data ? text.data : "", text.size);
    ac_buffer_free(&text);
    return st;
}

static ac_status
apply(const ac_text_step *step, const ac_texts *tokens, ac_texts *out)
{
    ac_status st = AC_OK;

    if (step->kind == AC_STEP_BYTE_LEVEL)
        return byte_level(tokens, out);
    if (step->kind == AC_STEP_FUSE)
        return fuse(tokens, out);
    if (step->kind == AC_STEP_BYTE_FALLBACK)
        return byte_fallback(tokens, out);
    for (int64_t i = 0; i < tokens->count; i++) {
        const char *t = ac_texts_at(tokens, i);
        const size_t n = ac_texts_size(tokens, i);
        if (step->kind == AC_STEP_TRIM)
            AC_TRY(trim(step, t, n, out));
        else if (step->kind == AC_STEP_METASPACE)
            AC_TRY(blanks(step, t, n, i == 0 && step->prepend != AC_PREPEND_NEVER, out));
        else if (step->kind == AC_STEP_WORD_SUFFIX)
            AC_TRY(blanks(step, t, n, i + 1 == tokens->count, out));
        else
            AC_TRY(replace(step, t, n, out));
    }
out:
    return st;
}

ac_status
ac_text_decode(const ac_text_steps *self, const ac_texts *tokens, ac_buffer *out)
{
    ac_texts one = { 0 }, two = { 0 };
    ac_status st = AC_OK;

    for (int64_t s = 0; s < self->count; s++) {
        const ac_texts before = one;
        ac_texts_reset(&two);
        AC_TRY(apply(&self->items[s], s ? &one : tokens, &two));
        one = two;
        two = before;
    }
    if (self->count) {
        ac_buffer_push(out, one.bytes.data ? one.bytes.data : "", one.bytes.size);
    } else {
        for (int64_t i = 0; i < tokens->count; i++) {
            if (i)
                ac_buffer_push_char(out, ' ');
            ac_buffer_push(out, ac_texts_at(tokens, i), ac_texts_size(tokens, i));
        }
    }
    st = out->status;
out:
    ac_texts_free(&one);
    ac_texts_free(&two);
    return st;
}
