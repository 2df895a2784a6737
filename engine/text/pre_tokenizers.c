#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/text/bpe.h"
#include "engine/text/text_steps.h"
#include "engine/text/unicode.h"

/* ---- splitting ---- */

static bool
is_in_class(ac_text_step_kind kind, int32_t point)
{
    return kind == AC_STEP_DIGITS        ? ac_unicode_is_numeric(point)
           : kind == AC_STEP_PUNCTUATION ? ac_unicode_is_punctuation(point)
                                         : ac_unicode_is_white_space(point);
}

/* Each character of the class by itself, the others in runs. */
static ac_status
class_spans(ac_text_step_kind kind, const char *text, size_t n, ac_spans *out)
{
    size_t run = 0;
    ac_status st = AC_OK;

    for (size_t at = 0; at < n;) {
        const size_t from = at;
        if (!is_in_class(kind, ac_utf8_next(text, n, &at)))
            continue;
        AC_TRY(ac_spans_push(out, run, from, false));
        AC_TRY(ac_spans_push(out, from, at, true));
        run = at;
    }
    st = ac_spans_push(out, run, n, false);
out:
    return st;
}

/* Does span i continue the word of the one before it (AC_SPLIT_MERGED_WITH_NEXT: after it)? */
static bool
is_joined(ac_split_behavior behavior, bool match, bool neighbour)
{
    return behavior == AC_SPLIT_CONTIGUOUS ? match == neighbour : match && !neighbour;
}

/* The spans that are words, joined in place as the behaviour says. */
static void
join(ac_spans *spans, ac_split_behavior behavior)
{
    int64_t kept = 0;
    bool before = false;

    if (behavior == AC_SPLIT_MERGED_WITH_NEXT) { /* from the end: the last of a run goes on */
        kept = spans->count;
        for (int64_t i = spans->count - 1; i >= 0; i--) {
            const ac_span span = spans->items[i];
            if (kept < spans->count && is_joined(behavior, span.match, before))
                spans->items[kept].from = span.from;
            else
                spans->items[--kept] = span;
            before = span.match;
        }
        memmove(spans->items, spans->items + kept,
                (size_t) (spans->count - kept) * sizeof *spans->items);
        spans->count -= kept;
        return;
    }
    for (int64_t i = 0; i < spans->count; i++) {
        const ac_span span = spans->items[i];
        if (behavior == AC_SPLIT_REMOVED ? span.match
                                         : behavior != AC_SPLIT_ISOLATED && kept &&
                                               is_joined(behavior, span.match, before)) {
            if (behavior != AC_SPLIT_REMOVED)
                spans->items[kept - 1].to = span.to;
        } else {
            spans->items[kept++] = span;
        }
        before = span.match;
    }
    spans->count = kept;
}

static ac_status
split(const ac_text_step *step, const char *text, size_t n, ac_spans *spans, ac_texts *out)
{
    ac_status st = AC_OK;

    spans->count = 0;
    if (ac_pattern_exists(&step->pattern))
        AC_TRY(ac_pattern_spans(&step->pattern, text, n, spans));
    else
        AC_TRY(class_spans(step->kind, text, n, spans));
    for (int64_t i = 0; step->invert && i < spans->count; i++)
        spans->items[i].match = !spans->items[i].match;
    if (spans->count)
        join(spans, step->behavior);
    for (int64_t i = 0; i < spans->count; i++)
        AC_TRY(ac_texts_push(out, text + spans->items[i].from,
                             spans->items[i].to - spans->items[i].from));
out:
    return st;
}

/* ---- the steps that change the text too ---- */

static ac_status
byte_level(const ac_text_step *step, const char *text, size_t n, ac_spans *spans, ac_texts *out)
{
    ac_buffer spaced = { 0 }, word = { 0 };
    ac_status st = AC_OK;

    if (step->first && !(n && *text == ' '))
        ac_buffer_push_char(&spaced, ' ');
    AC_TRY(ac_buffer_push(&spaced, text, n));
    spans->count = 0;
    if (ac_pattern_exists(&step->pattern))
        AC_TRY(ac_pattern_spans(&step->pattern, spaced.data ? spaced.data : "", spaced.size,
                                spans));
    else
        AC_TRY(ac_spans_push(spans, 0, spaced.size, true));
    for (int64_t i = 0; i < spans->count; i++) {
        ac_buffer_reset(&word);
        for (size_t k = spans->items[i].from; k < spans->items[i].to; k++)
            ac_bpe_push_byte(&word, (unsigned char) spaced.data[k]);
        AC_TRY(word.status);
        AC_TRY(ac_texts_push(out, word.data, word.size));
    }
out:
    ac_buffer_free(&spaced);
    ac_buffer_free(&word);
    return st;
}

static ac_status
metaspace(const ac_text_step *step, const char *text, size_t n, bool begins, ac_texts *out)
{
    ac_buffer marked = { 0 };
    ac_status st = AC_OK;
    size_t from = 0;
    const bool has_mark =
        n && (*text == ' ' ||
              (n >= step->text_bytes && memcmp(text, step->text, step->text_bytes) == 0));

    if (!has_mark &&
        (step->prepend == AC_PREPEND_ALWAYS || (step->prepend == AC_PREPEND_FIRST && begins)))
        ac_buffer_push(&marked, step->text, step->text_bytes);
    for (size_t i = 0; i < n; i++)
        if (text[i] == ' ')
            ac_buffer_push(&marked, step->text, step->text_bytes);
        else
            ac_buffer_push_char(&marked, text[i]);
    AC_TRY(marked.status);
    for (size_t i = 1; step->second && i + step->text_bytes <= marked.size; i++)
        if (memcmp(marked.data + i, step->text, step->text_bytes) == 0) {
            AC_TRY(ac_texts_push(out, marked.data + from, i - from));
            from = i;
        }
    if (from < marked.size)
        st = ac_texts_push(out, marked.data + from, marked.size - from);
out:
    ac_buffer_free(&marked);
    return st;
}

ac_status
ac_text_pre_tokenize(const ac_text_steps *self, const char *text, size_t n, bool begins,
                     ac_texts *out)
{
    ac_texts one = { 0 }, two = { 0 };
    ac_spans spans = { 0 };
    ac_status st = AC_OK;

    if (n)
        AC_TRY(ac_texts_push(&one, text, n));
    for (int64_t s = 0; s < self->count; s++) {
        const ac_text_step *step = &self->items[s];
        const ac_texts before = one;
        ac_texts_reset(&two);
        for (int64_t i = 0; i < one.count; i++) {
            const char *word = ac_texts_at(&one, i);
            const size_t size = ac_texts_size(&one, i);
            if (step->kind == AC_STEP_BYTE_LEVEL)
                AC_TRY(byte_level(step, word, size, &spans, &two));
            else if (step->kind == AC_STEP_METASPACE)
                AC_TRY(metaspace(step, word, size, begins && i == 0, &two));
            else
                AC_TRY(split(step, word, size, &spans, &two));
        }
        one = two;
        two = before;
    }
    for (int64_t i = 0; i < one.count; i++)
        AC_TRY(ac_texts_push(out, ac_texts_at(&one, i), ac_texts_size(&one, i)));
out:
    ac_texts_free(&one);
    ac_texts_free(&two);
    free(spans.items);
    return st;
}
