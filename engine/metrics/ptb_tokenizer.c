#include "engine/metrics/ptb_tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/metrics/ptb_rules.h"
#include "engine/text/unicode.h"

struct ac_ptb_tokenizer {
    ac_automaton *automaton;
    int32_t *points;
    int64_t capacity;
    ac_buffer token, lower;
};

ac_status
ac_ptb_tokenizer_new(ac_ptb_tokenizer **out)
{
    ac_ptb_tokenizer *self;
    ac_status st = AC_OK;

    *out = NULL;
    AC_TRY(ac_alloc(&self, 1, sizeof *self));
    *out = self;
    AC_TRY(ac_automaton_new(&self->automaton, ac_ptb_rules, ac_ptb_rule_count));
out:
    if (st != AC_OK) {
        ac_ptb_tokenizer_free(*out);
        *out = NULL;
    }
    return st;
}

void
ac_ptb_tokenizer_free(ac_ptb_tokenizer *self)
{
    if (!self)
        return;
    ac_automaton_free(self->automaton);
    free(self->points);
    ac_buffer_free(&self->token);
    ac_buffer_free(&self->lower);
    free(self);
}

/* ---- what a match becomes ---- */

static bool
begins_with(const int32_t *points, int64_t n, const char *text)
{
    int64_t i = 0;

    for (; text[i]; i++) {
        const int32_t lower = i < n && points[i] >= 'A' && points[i] <= 'Z' ? points[i] | 0x20
                              : i < n                                       ? points[i]
                                                                            : 0;
        if (lower != text[i])
            return false;
    }
    return true;
}

static void
push_plain(ac_buffer *out, const int32_t *points, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        ac_utf8_push(out, points[i]);
}

/* A word of nothing but soft hyphens is a hyphen. */
static void
push_word(ac_buffer *out, const int32_t *points, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (points[i] != 0xAD)
            ac_utf8_push(out, points[i]);
    if (!out->size)
        ac_buffer_push_char(out, '-');
}

static void
push_with_ampersand(ac_buffer *out, const int32_t *points, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        ac_utf8_push(out, points[i]);
        if (begins_with(points + i, n - i, "&amp;"))
            i += 4;
    }
}

/* As in LaTeX: `…' and ``…''. */
static void
push_quotes(ac_buffer *out, const int32_t *points, int64_t n, bool open)
{
    for (int64_t i = 0; i < n; i++) {
        const int32_t p = points[i];
        const bool apos = p == '&' && begins_with(points + i, n - i, "&apos;"),
                   quot = p == '&' && begins_with(points + i, n - i, "&quot;");

        if (p == '\'' || apos)
            ac_buffer_push_text(out, open ? "`" : "'");
        else if (p == '"' || quot)
            ac_buffer_push_text(out, open ? "``" : "''");
        else if (p == 0x91 || p == 0x2018 || p == 0x201B || p == 0x2039)
            ac_buffer_push_text(out, "`");
        else if (p == 0x92 || p == 0x2019 || p == 0x203A)
            ac_buffer_push_text(out, "'");
        else if (p == 0x93 || p == 0x201C || p == 0xAB)
            ac_buffer_push_text(out, "``");
        else if (p == 0x94 || p == 0x201D || p == 0xBB)
            ac_buffer_push_text(out, "''");
        else
            ac_utf8_push(out, p);
        i += apos || quot ? 5 : 0;
    }
}

static void
push_spaced(ac_buffer *out, const int32_t *points, int64_t n, bool brackets)
{
    for (int64_t i = 0; i < n; i++)
        if (points[i] == ' ')
            ac_utf8_push(out, 0xA0);
        else if (brackets && (points[i] == '(' || points[i] == ')'))
            ac_buffer_push_text(out, points[i] == '(' ? "-LRB-" : "-RRB-");
        else
            ac_utf8_push(out, points[i]);
}

static void
push_fraction(ac_buffer *out, int32_t sign)
{
    if (sign == 0xBC || sign == 0xBD || sign == 0xBE)
        ac_buffer_push_text(out, sign == 0xBC ? "1/4" : sign == 0xBD ? "1/2" : "3/4");
    else if (sign == 0x2153 || sign == 0x2154)
        ac_buffer_push_text(out, sign == 0x2153 ? "1/3" : "2/3");
    else
        ac_utf8_push(out, sign);
}

static void
push_currency(ac_buffer *out, int32_t sign)
{
    if (sign == 0xA2)
        ac_buffer_push_text(out, "cents");
    else if (sign == 0xA3)
        ac_buffer_push_text(out, "#");
    else if (sign == 0x80 || sign == 0xA4 || sign == 0x20A0 || sign == 0x20AC)
        ac_buffer_push_text(out, "$");
    else
        ac_utf8_push(out, sign);
}

/* A token that is the same whatever was matched; NULL: the match counts. */
static const char *
fixed_token(ac_ptb_kind kind)
{
    static const char *const tokens[] = {
        [AC_PTB_DASH] = "--",
        [AC_PTB_ELLIPSIS] = "...",
        [AC_PTB_ROUND_OPEN] = "-LRB-",
        [AC_PTB_ROUND_CLOSE] = "-RRB-",
        [AC_PTB_SQUARE_OPEN] = "-LSB-",
        [AC_PTB_SQUARE_CLOSE] = "-RSB-",
        [AC_PTB_CURLY_OPEN] = "-LCB-",
        [AC_PTB_CURLY_CLOSE] = "-RCB-",
        [AC_PTB_LESS] = "<",
        [AC_PTB_GREATER] = ">",
    };

    return (size_t) kind < sizeof tokens / sizeof *tokens ? tokens[kind] : NULL;
}

/* The token of points [n]; "": none. */
static void
make_token(ac_buffer *out, ac_ptb_kind kind, const int32_t *points, int64_t n)
{
    ac_buffer_reset(out);
    if (fixed_token(kind))
        ac_buffer_push_text(out, fixed_token(kind));
    else if (kind == AC_PTB_WORD)
        push_word(out, points, n);
    else if (kind == AC_PTB_HYPHENS)
        push_plain(out, points, n == 3 || n == 4 ? 2 : n);
    else if (kind == AC_PTB_AMPERSAND)
        push_with_ampersand(out, points, n);
    else if (kind == AC_PTB_QUOTE_OPEN || kind == AC_PTB_QUOTE_CLOSE)
        push_quotes(out, points, n, kind == AC_PTB_QUOTE_OPEN);
    else if (kind == AC_PTB_FRACTION)
        push_fraction(out, points[0]);
    else if (kind == AC_PTB_CURRENCY)
        push_currency(out, points[0]);
    else if (kind == AC_PTB_SPACED || kind == AC_PTB_BRACKETED)
        push_spaced(out, points, n, kind == AC_PTB_BRACKETED);
    else if (kind != AC_PTB_NOTHING)
        push_plain(out, points, n);
}

/* ---- the line ---- */

static bool
is_punctuation(const ac_buffer *token)
{
    static const char *const marks[] = { "''", "'", "``", "`",  ".", "?",  "!",
                                         ",",  ":", "-",  "--", ";", "..." };

    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (strcmp(token->data, marks[i]) == 0)
            return true;
    return false;
}

static ac_status
push_token(ac_ptb_tokenizer *self, ac_buffer *out, bool *first)
{
    ac_status st = AC_OK;

    AC_TRY(self->token.status);
    if (!self->token.size)
        goto out;
    ac_buffer_reset(&self->lower);
    AC_TRY(ac_unicode_lower(&self->lower, self->token.data, self->token.size));
    if (is_punctuation(&self->lower))
        goto out;
    if (!*first)
        ac_buffer_push_char(out, ' ');
    *first = false;
    AC_TRY(ac_buffer_push(out, self->lower.data, self->lower.size));
out:
    return st;
}

/* An address may end in a blank that is no space: pycocoevalcap strips each line. */
static void
strip_end(ac_buffer *line, size_t from)
{
    for (size_t at = from, end = from, next = from; at < line->size; at = next) {
        if (!ac_unicode_is_space(ac_utf8_next(line->data, line->size, &next)))
            end = next;
        if (next == line->size) {
            line->size = end;
            line->data[end] = '\0';
        }
    }
}

static bool
is_line_end(int32_t p)
{
    return (p >= '\n' && p <= '\r') || p == 0x2028 || p == 0x2029;
}

static bool
is_letter(int32_t p)
{
    return (p >= 'a' && p <= 'z') || (p >= 'A' && p <= 'Z');
}

/* Words that are more than one token. */
static bool
is_joined(const char *word, size_t n)
{
    static const char *const joined[] = {
        "cannot", "gonna", "gotta", "gimme", "lemme", "wanna"
    };

    for (size_t i = 0; n >= 5 && i < sizeof joined / sizeof *joined; i++)
        if (n == strlen(joined[i]) && memcmp(word, joined[i], n) == 0)
            return true;
    return false;
}

/* No rule makes anything else of letters of English before a space or the line's end than a
 * token, but of a few words (tests/unit/test_metrics.c goes through all states of the
 * automaton for this). So the words at the beginning of a text, up to the first that has
 * another sign, need no rules. Gives the byte where it begins. */
static ac_status
push_simple_words(ac_buffer *out, const char *text, size_t n, bool *first, size_t *stopped)
{
    size_t at = 0;
    ac_status st = AC_OK;

    AC_TRY(ac_buffer_reserve(out, n + 1));
    for (;; *first = false) {
        char *word = out->data + out->size + (*first ? 0 : 1);
        size_t size = 0;

        while (at < n && text[at] == ' ')
            at++;
        while (at + size < n && is_letter(text[at + size])) {
            word[size] = (char) (text[at + size] | 0x20);
            size++;
        }
        if (!size || (at + size < n && text[at + size] != ' ') || is_joined(word, size))
            break;
        if (!*first)
            word[-1] = ' ';
        out->size = (size_t) (word - out->data) + size;
        at += size;
    }
    out->data[out->size] = '\0';
    *stopped = at;
out:
    return st;
}

/* Text [n] by the rules. */
static ac_status
push_by_rules(ac_ptb_tokenizer *self, ac_buffer *out, const char *text, size_t n, bool *first)
{
    int64_t count = 0, length = 0;
    ac_status st = AC_OK;

    AC_TRY(ac_grow(&self->points, &self->capacity, (int64_t) n + 1, sizeof *self->points));
    for (size_t at = 0; at < n;) {
        const int32_t p = ac_utf8_next(text, n, &at);
        self->points[count++] = is_line_end(p) ? ' ' : p;
    }
    self->points[count++] = '\n'; /* rules see that the line ends */
    AC_TRY(ac_automaton_begin(self->automaton, self->points, count));
    for (int64_t at = 0; at < count; at += length) {
        ac_ptb_kind kind = AC_PTB_NOTHING;
        int rule;

        AC_TRY(ac_automaton_match(self->automaton, at, &rule, &length));
        if (rule < 0) {
            length = 1; /* signs that no rule knows are left out */
            continue;
        }
        kind = (ac_ptb_kind) ac_ptb_rules[rule].kind;
        length -= kind == AC_PTB_SPLIT_2                         ? 2
                  : kind == AC_PTB_SPLIT_3                       ? 3
                  : kind == AC_PTB_SINGLE_INITIAL && length == 2 ? 1
                                                                 : 0;
        make_token(&self->token, kind, self->points + at, length);
        AC_TRY(push_token(self, out, first));
    }
out:
    return st;
}

ac_status
ac_ptb_tokenize(ac_ptb_tokenizer *self, ac_buffer *out, const char *text, size_t n)
{
    const size_t from = out->size;
    size_t simple = 0;
    bool first = true;
    ac_status st = AC_OK;

    AC_TRY(push_simple_words(out, text, n, &first, &simple));
    if (simple < n) {
        AC_TRY(push_by_rules(self, out, text + simple, n - simple, &first));
        strip_end(out, from);
    }
    AC_TRY(ac_buffer_push(out, "", 0)); /* a zero byte, where there is no token either */
out:
    return st;
}
