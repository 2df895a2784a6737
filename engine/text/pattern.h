/** What a text is split by: a regular expression or a plain text. */
#ifndef AC_ENGINE_TEXT_PATTERN_H
#define AC_ENGINE_TEXT_PATTERN_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/status.h"

/** GPT-2's words, in tokenizer.json's syntax. */
#define AC_PATTERN_GPT2                                                              \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|" \
    "\\s+"

/** The characters of Rust's \w, which tokenizers uses beside Oniguruma, for a set of them. */
#define AC_PATTERN_WORD "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\u200c\\u200d"

/** Starts zeroed: matches nothing. Immutable once made: shared by threads. */
typedef struct ac_pattern {
    void *code; /* compiled, owned */
    char *literal;
    size_t literal_bytes;
} ac_pattern;

/** Oniguruma's syntax (engine/text/oniguruma.h). AC_E_FORMAT: not supported, or it can match no
 * character at all. */
AC_MUST_CHECK ac_status ac_pattern_init_regex(ac_pattern *self, const char *regex, size_t n);
/** AC_E_FORMAT where the text is empty. */
AC_MUST_CHECK ac_status ac_pattern_init_literal(ac_pattern *self, const char *text, size_t n);
void ac_pattern_free(ac_pattern *self);
static inline bool
ac_pattern_exists(const ac_pattern *self)
{
    return self->code || self->literal;
}

/** A part of a text, and whether it matched. */
typedef struct ac_span {
    size_t from, to;
    bool match;
} ac_span;

/** Starts zeroed; memory is reused. Free items with free(). */
typedef struct ac_spans {
    ac_span *items;
    int64_t count, capacity;
} ac_spans;

AC_MUST_CHECK ac_status ac_spans_push(ac_spans *self, size_t from, size_t to, bool match);

/** The whole of a text as spans, matches and what lies between, none of them empty; appended.
 * AC_E_LIMIT: the expression takes too long on this text. */
AC_MUST_CHECK ac_status ac_pattern_spans(const ac_pattern *self, const char *text, size_t n,
                                         ac_spans *out);

#endif
