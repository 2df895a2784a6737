#define PCRE2_CODE_UNIT_WIDTH 8
#include "engine/text/pattern.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/text/oniguruma.h"

ac_status
ac_pattern_init_regex(ac_pattern *self, const char *regex, size_t n)
{
    ac_buffer translated = { 0 };
    ac_status st = AC_OK;
    PCRE2_SIZE at;
    PCRE2_UCHAR message[120];
    uint32_t empty = 0;
    int error;

    *self = (ac_pattern){ 0 };
    AC_TRY(ac_oniguruma_translate(&translated, regex, n));
    self->code =
        pcre2_compile((PCRE2_SPTR) (translated.data ? translated.data : ""), translated.size,
                      PCRE2_UTF | PCRE2_UCP | PCRE2_NO_UTF_CHECK, &error, &at, NULL);
    if (!self->code) {
        pcre2_get_error_message(error, message, sizeof message);
        AC_FAIL(error == PCRE2_ERROR_HEAP_FAILED ? AC_E_NOMEM : AC_E_FORMAT, "%s", message);
    }
    pcre2_pattern_info(self->code, PCRE2_INFO_MATCHEMPTY, &empty);
    if (empty)
        AC_FAIL(AC_E_FORMAT, "the regular expression can match an empty text");
    pcre2_jit_compile(self->code, PCRE2_JIT_COMPLETE); /* slower without, but no failure */
out:
    ac_buffer_free(&translated);
    if (st != AC_OK)
        ac_pattern_free(self);
    return st;
}

ac_status
ac_pattern_init_literal(ac_pattern *self, const char *text, size_t n)
{
    *self = (ac_pattern){ .literal_bytes = n };
    if (n == 0)
        return ac_error_set(AC_E_FORMAT, "an empty text to look for");
    return ac_duplicate(&self->literal, text, n);
}

void
ac_pattern_free(ac_pattern *self)
{
    pcre2_code_free(self->code);
    free(self->literal);
    *self = (ac_pattern){ 0 };
}

ac_status
ac_spans_push(ac_spans *self, size_t from, size_t to, bool match)
{
    ac_status st;

    if (from == to)
        return AC_OK;
    st = ac_grow(&self->items, &self->capacity, self->count + 1, sizeof *self->items);
    if (st == AC_OK)
        self->items[self->count++] = (ac_span){ from, to, match };
    return st;
}

static ac_status
regex_spans(const ac_pattern *self, const char *text, size_t n, ac_spans *out)
{
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);
    ac_status st = AC_OK;
    size_t at = 0;

    if (!match)
        return ac_error_set(AC_E_NOMEM, "out of memory for a match");
    while (at < n) {
        const PCRE2_SIZE *bounds;
        int found =
            pcre2_match(self->code, (PCRE2_SPTR) text, n, at, PCRE2_NO_UTF_CHECK, match, NULL);
        if (found == PCRE2_ERROR_JIT_STACKLIMIT)
            found = pcre2_match(self->code, (PCRE2_SPTR) text, n, at,
                                PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, match, NULL);
        if (found == PCRE2_ERROR_NOMATCH)
            break;
        if (found < 0)
            AC_FAIL(found == PCRE2_ERROR_NOMEMORY ? AC_E_NOMEM : AC_E_LIMIT,
                    "the tokenizer's regular expression takes too long on this text (%d)",
                    found);
        bounds = pcre2_get_ovector_pointer(match);
        AC_TRY(ac_spans_push(out, at, bounds[0], false));
        AC_TRY(ac_spans_push(out, bounds[0], bounds[1], true));
        at = bounds[1];
    }
    st = ac_spans_push(out, at, n, false);
out:
    pcre2_match_data_free(match);
    return st;
}

ac_status
ac_pattern_spans(const ac_pattern *self, const char *text, size_t n, ac_spans *out)
{
    size_t before = 0;
    ac_status st = AC_OK;

    if (self->code)
        return regex_spans(self, text, n, out);
    for (size_t at = 0; self->literal && at + self->literal_bytes <= n;) {
        const char *found =
            memchr(text + at, self->literal[0], n - at - self->literal_bytes + 1);
        if (!found)
            break;
        at = (size_t) (found - text);
        if (memcmp(found, self->literal, self->literal_bytes) != 0) {
            at++;
            continue;
        }
        AC_TRY(ac_spans_push(out, before, at, false));
        AC_TRY(ac_spans_push(out, at, at + self->literal_bytes, true));
        before = at = at + self->literal_bytes;
    }
    st = ac_spans_push(out, before, n, false);
out:
    return st;
}
