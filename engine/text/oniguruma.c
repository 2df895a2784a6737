#include "engine/text/oniguruma.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "engine/text/unicode.h"

enum { DEEPEST = 50, MOST_REPEATS = 1000 };

typedef struct parser {
    const char *text;
    size_t n, at;
    ac_buffer *out;
    ac_status status; /* the first refusal stays */
} parser;

static void
refuse(parser *p, const char *what)
{
    if (p->status == AC_OK)
        p->status =
            ac_error_set(AC_E_FORMAT, "%s at byte %zu of the regular expression", what, p->at);
}

static bool
follows(const parser *p, const char *text)
{
    const size_t n = strlen(text);

    return p->n - p->at >= n && memcmp(p->text + p->at, text, n) == 0;
}

static bool
take(parser *p, const char *text)
{
    if (!follows(p, text))
        return false;
    p->at += strlen(text);
    return true;
}

static void
put(parser *p, const char *text)
{
    if (ac_buffer_push_text(p->out, text) != AC_OK && p->status == AC_OK)
        p->status = p->out->status;
}

static void
put_point(parser *p, int32_t point)
{
    if (ac_buffer_printf(p->out, "\\x{%x}", (unsigned) point) != AC_OK && p->status == AC_OK)
        p->status = p->out->status;
}

/* ---- escapes ---- */

static bool
is_one_of(const char *name, size_t n, const char *const *all)
{
    for (; *all; all++)
        if (strlen(*all) == n && memcmp(*all, name, n) == 0)
            return true;
    return false;
}

/* {NAME} behind \p or \P. */
static void
property(parser *p, bool negated)
{
    static const char *const categories[] = {
        "L",  "Lu", "Ll", "Lt", "Lm", "Lo", "M",  "Mn", "Mc", "Me",         "N",  "Nd", "Nl",
        "No", "P",  "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "S",          "Sm", "Sc", "Sk",
        "So", "Z",  "Zs", "Zl", "Zp", "C",  "Cc", "Cf", "Co", "Alphabetic", NULL
    };
    static const char *const scripts[] = { "Han",      "Hiragana",   "Katakana", "Hangul",
                                           "Latin",    "Greek",      "Cyrillic", "Arabic",
                                           "Hebrew",   "Devanagari", "Thai",     "Armenian",
                                           "Georgian", NULL };
    const char *name = p->text + p->at + 1, *end;
    size_t n;

    if (!follows(p, "{") || !(end = memchr(name, '}', p->n - p->at - 1))) {
        refuse(p, "\\p without {…}");
        return;
    }
    n = (size_t) (end - name);
    put(p, negated ? "\\P{" : "\\p{");
    if (is_one_of(name, n, scripts))
        put(p, "sc:");
    else if (!is_one_of(name, n, categories))
        refuse(p, "\\p{…} of a name that is not supported");
    if (ac_buffer_push(p->out, name, n) != AC_OK && p->status == AC_OK)
        p->status = p->out->status;
    put(p, "}");
    p->at += n + 2;
}

/* Hexadecimal digits, from `least` to `most` of them; -1: not so. */
static int32_t
hexadecimal(parser *p, int least, int most)
{
    int32_t value = 0;
    int n = 0;

    for (; n < most && p->at < p->n && isxdigit((unsigned char) p->text[p->at]); n++) {
        const int c = tolower((unsigned char) p->text[p->at++]);
        value = value * 16 + (c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return n < least ? -1 : value;
}

static bool
is_scalar(int32_t point)
{
    return point >= 0 && point <= 0x10ffff && !(point >= 0xd800 && point <= 0xdfff);
}

/* The character that \… stands for; -1: it is no single character, and nothing was taken. */
static int32_t
escaped_point(parser *p)
{
    static const char letters[] = "rntfv", *at;
    static const char values[] = "\r\n\t\f\v";
    const size_t begin = p->at;
    const char c = p->at + 1 < p->n ? p->text[p->at + 1] : '\0';
    int32_t point = -1;

    p->at += 2;
    if (c && (at = strchr(letters, c)))
        return values[at - letters];
    if (c == 'u')
        point = hexadecimal(p, 4, 4);
    else if (c == 'x' && take(p, "{"))
        point = hexadecimal(p, 1, 6);
    else if (c == 'x')
        point = hexadecimal(p, 2, 2);
    if ((c == 'x' && begin + 2 < p->n && p->text[begin + 2] == '{' && !take(p, "}")) ||
        (c == 'x' && begin + 2 < p->n && p->text[begin + 2] != '{' && point > 0x7f))
        point = -1; /* \xHH above 7F is a byte, no character */
    if (ispunct((unsigned char) c))
        return c;
    if (is_scalar(point))
        return point;
    p->at = begin;
    return -1;
}

/* \… that is a class of characters. */
static void
escaped_class(parser *p)
{
    if (take(p, "\\s"))
        put(p, "\\p{White_Space}");
    else if (take(p, "\\S"))
        put(p, "\\P{White_Space}");
    else if (take(p, "\\d"))
        put(p, "\\p{Nd}");
    else if (take(p, "\\D"))
        put(p, "\\P{Nd}");
    else if (take(p, "\\p"))
        property(p, false);
    else if (take(p, "\\P"))
        property(p, true);
    else if (follows(p, "\\w") || follows(p, "\\W")) /* ½ is in Oniguruma's, ৴ is not */
        refuse(p, "\\w, whose characters no other library has,");
    else
        refuse(p, "an escape that is not supported");
}

/* ---- classes ---- */

static int32_t
class_point(parser *p)
{
    int32_t point;

    if (follows(p, "\\"))
        return escaped_point(p);
    if (follows(p, "[") || follows(p, "&&")) {
        refuse(p, "a set within a set of characters");
        return -1;
    }
    point = ac_utf8_next(p->text, p->n, &p->at);
    return point;
}

static void
bracket(parser *p)
{
    put(p, take(p, "[^") ? "[^" : (p->at++, "["));
    if (follows(p, "]"))
        refuse(p, "an empty set of characters");
    while (p->status == AC_OK && !take(p, "]")) {
        int32_t first, last;
        if (p->at == p->n) {
            refuse(p, "a set of characters without its end");
            return;
        }
        first = class_point(p);
        if (first < 0) {
            if (p->status == AC_OK)
                escaped_class(p);
            if (follows(p, "-") && !follows(p, "-]"))
                refuse(p, "a range that begins with a class");
            continue;
        }
        put_point(p, first);
        if (!follows(p, "-") || follows(p, "-]"))
            continue;
        p->at++;
        last = p->at < p->n ? class_point(p) : -1;
        if (last < first)
            refuse(p, "a range that does not end with a later character");
        put(p, "-");
        put_point(p, last);
    }
    put(p, "]");
}

/* ---- groups ---- */

/* What stands in (?i:…): letters, "'", sets of letters and "|", and none of the pairs that
 * Oniguruma takes for one character (ss for ß, the ligatures), which PCRE2 does not. */
static void
check_caseless(parser *p)
{
    static const char *const pairs[] = { "ss", "st", "ff", "fi", "fl", NULL };
    char before = '\0';

    for (size_t i = p->at; i < p->n && p->text[i] != ')'; i++) {
        const char c = (char) tolower((unsigned char) p->text[i]);
        const char pair[3] = { before, c, '\0' };
        if (!isalpha((unsigned char) c) && !strchr("'|[]", c))
            refuse(p, "(?i:…) of more than letters");
        if (before && is_one_of(pair, 2, pairs))
            refuse(p, "(?i:…) of letters that make one character together");
        before = c;
    }
}

static void alternatives(parser *p, int depth);

static void
group(parser *p, int depth)
{
    if (take(p, "(?:")) {
        put(p, "(?:");
    } else if (take(p, "(?=")) {
        put(p, "(?=");
    } else if (take(p, "(?!")) {
        put(p, "(?!");
    } else if (take(p, "(?>")) {
        put(p, "(?>");
    } else if (take(p, "(?i:")) {
        check_caseless(p);
        put(p, "(?i:");
    } else if (follows(p, "(?")) {
        refuse(p, "a group of a kind that is not supported");
    } else {
        p->at++;
        put(p, "(?:");
    }
    alternatives(p, depth + 1);
    if (!take(p, ")"))
        refuse(p, "a group without its end");
    put(p, ")");
}

/* {n}, {n,} or {n,m}, which is copied. */
static void
interval(parser *p)
{
    long low = -1, high = -1;
    size_t i = p->at + 1;

    for (; i < p->n && isdigit((unsigned char) p->text[i]) && low <= MOST_REPEATS; i++)
        low = (low < 0 ? 0 : low * 10) + (p->text[i] - '0');
    if (i < p->n && p->text[i] == ',')
        for (i++; i < p->n && isdigit((unsigned char) p->text[i]) && high <= MOST_REPEATS; i++)
            high = (high < 0 ? 0 : high * 10) + (p->text[i] - '0');
    if (low < 0 || low > MOST_REPEATS || high > MOST_REPEATS || (high >= 0 && high < low) ||
        i == p->n || p->text[i] != '}') {
        refuse(p, "a repetition {…} that is not supported");
        return;
    }
    i++;
    if (ac_buffer_push(p->out, p->text + p->at, i - p->at) != AC_OK && p->status == AC_OK)
        p->status = p->out->status;
    p->at = i;
}

static void
repetition(parser *p)
{
    static const char *const ways[] = { "*+", "++", "?+", "*?", "+?", "??", "*", "+", "?" };
    bool any = false;

    if (follows(p, "{")) {
        interval(p);
        any = true;
    }
    for (size_t i = 0; !any && i < sizeof ways / sizeof *ways; i++)
        if (take(p, ways[i])) {
            put(p, ways[i]);
            any = true;
        }
    if (any && p->at < p->n && strchr("*+?{", p->text[p->at]))
        refuse(p, "a repetition of a repetition");
}

static void
atom(parser *p, int depth)
{
    const char c = p->text[p->at];
    int32_t point;

    if (c == '(') {
        group(p, depth);
    } else if (c == '[') {
        bracket(p);
    } else if (c == '.') {
        p->at++;
        put(p, "[^\\x{a}]");
    } else if (c == '\\') {
        point = escaped_point(p);
        if (point >= 0)
            put_point(p, point);
        else
            escaped_class(p);
    } else if (strchr("^$*+?{", c)) {
        refuse(p, "an anchor, or a repetition of nothing,");
    } else {
        put_point(p, ac_utf8_next(p->text, p->n, &p->at));
    }
}

static void
alternatives(parser *p, int depth)
{
    if (depth > DEEPEST)
        refuse(p, "too many groups within groups");
    while (p->status == AC_OK && p->at < p->n && p->text[p->at] != ')') {
        if (take(p, "|")) {
            put(p, "|");
            continue;
        }
        atom(p, depth);
        if (p->status == AC_OK)
            repetition(p);
    }
}

ac_status
ac_oniguruma_translate(ac_buffer *out, const char *regex, size_t n)
{
    parser p = { .text = regex, .n = n, .out = out };

    alternatives(&p, 0);
    if (p.status == AC_OK && p.at < n)
        refuse(&p, "a bracket that closes nothing");
    return p.status;
}
