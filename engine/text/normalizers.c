#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/text/text_steps.h"
#include "engine/text/unicode.h"

void
ac_text_step_free(ac_text_step *self)
{
    ac_pattern_free(&self->pattern);
    free(self->text);
    *self = (ac_text_step){ 0 };
}

void
ac_text_steps_free(ac_text_steps *self)
{
    for (int64_t i = 0; i < self->count; i++)
        ac_text_step_free(&self->items[i]);
    free(self->items);
    *self = (ac_text_steps){ 0 };
}

ac_status
ac_text_steps_push_take(ac_text_steps *self, ac_text_step *step)
{
    const ac_status st =
        ac_grow(&self->items, &self->capacity, self->count + 1, sizeof *self->items);

    if (st != AC_OK) {
        ac_text_step_free(step);
        return st;
    }
    self->items[self->count++] = *step;
    *step = (ac_text_step){ 0 };
    return AC_OK;
}

bool
ac_text_steps_have(const ac_text_steps *self, ac_text_step_kind kind)
{
    for (int64_t i = 0; i < self->count; i++)
        if (self->items[i].kind == kind)
            return true;
    return false;
}

static ac_status
strip(const ac_text_step *step, const char *text, size_t n, ac_buffer *out)
{
    size_t from = 0, to = step->second ? 0 : n;

    for (size_t at = 0; step->first && at < n;) {
        if (!ac_unicode_is_white_space(ac_utf8_next(text, n, &at)))
            break;
        from = at;
    }
    for (size_t at = from; step->second && at < n;)
        if (!ac_unicode_is_white_space(ac_utf8_next(text, n, &at)))
            to = at;
    return from < to ? ac_buffer_push(out, text + from, to - from) : out->status;
}

static ac_status
replace(const ac_text_step *step, const char *text, size_t n, ac_buffer *out)
{
    ac_spans spans = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_pattern_spans(&step->pattern, text, n, &spans));
    for (int64_t i = 0; i < spans.count; i++)
        if (spans.items[i].match)
            ac_buffer_push(out, step->text, step->text_bytes);
        else
            ac_buffer_push(out, text + spans.items[i].from,
                           spans.items[i].to - spans.items[i].from);
    st = out->status;
out:
    free(spans.items);
    return st;
}

static ac_status
apply(const ac_text_step *step, const char *text, size_t n, ac_buffer *out)
{
    switch ((int) step->kind) {
    case AC_STEP_NFC:
    case AC_STEP_NFD:
    case AC_STEP_NFKC:
    case AC_STEP_NFKD:
        return ac_unicode_normalise(out, text, n,
                                    step->kind == AC_STEP_NFC || step->kind == AC_STEP_NFKC,
                                    step->kind == AC_STEP_NFKC || step->kind == AC_STEP_NFKD);
    case AC_STEP_LOWERCASE: return ac_unicode_lower_each(out, text, n);
    case AC_STEP_STRIP: return strip(step, text, n, out);
    case AC_STEP_PREPEND:
        if (n)
            ac_buffer_push(out, step->text, step->text_bytes);
        return ac_buffer_push(out, text, n);
    default: return replace(step, text, n, out);
    }
}

ac_status
ac_text_normalise(const ac_text_steps *self, const char *text, size_t n, ac_buffer *out)
{
    ac_buffer one = { 0 }, two = { 0 };
    ac_status st = AC_OK;

    for (int64_t i = 0; i < self->count; i++) {
        const ac_buffer before = one;
        ac_buffer_reset(&two);
        AC_TRY(apply(&self->items[i], text, n, &two));
        one = two;
        two = before;
        text = one.data ? one.data : "";
        n = one.size;
    }
    st = ac_buffer_push(out, text, n);
out:
    ac_buffer_free(&one);
    ac_buffer_free(&two);
    return st;
}
