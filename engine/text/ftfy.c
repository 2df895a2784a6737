#include "engine/text/ftfy.h"

#include <stdbool.h>
#include <string.h>
#include <utf8proc.h>

#include "engine/text/html_unescape.h"
#include "engine/text/mojibake.h"
#include "engine/text/unicode.h"

enum { SEGMENT_POINTS = 1000000 }; /* ftfy's max_decode_length */

/* ASCII that no step changes; most text is. */
static bool
is_plain(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((text[i] < ' ' && text[i] != '\n' && text[i] != '\t') || text[i] > '~' ||
            text[i] == '&')
            return false;
    return true;
}

/* ---- one code point: fix_c1_controls, fix_latin_ligatures, fix_character_width,
 * uncurl_quotes, fix_line_breaks ---- */

static const char *
ligature_letters(int32_t p)
{
    static const struct {
        int32_t point;
        const char *letters;
    } ligatures[] = {
        { 0x132, "IJ" },        { 0x133, "ij" },        { 0x149, "\xca\xbcn" },
        { 0x1c4, "D\xc5\xbd" }, { 0x1c5, "D\xc5\xbe" }, { 0x1c6, "d\xc5\xbe" },
        { 0x1c7, "LJ" },        { 0x1c8, "Lj" },        { 0x1c9, "lj" },
        { 0x1ca, "NJ" },        { 0x1cb, "Nj" },        { 0x1cc, "nj" },
        { 0x1f1, "DZ" },        { 0x1f2, "Dz" },        { 0x1f3, "dz" },
        { 0xfb00, "ff" },       { 0xfb01, "fi" },       { 0xfb02, "fl" },
        { 0xfb03, "ffi" },      { 0xfb04, "ffl" },      { 0xfb05, "\xc5\xbft" },
        { 0xfb06, "st" },
    };

    for (size_t i = 0; i < sizeof ligatures / sizeof *ligatures; i++)
        if (ligatures[i].point == p)
            return ligatures[i].letters;
    return NULL;
}

/* Half- and full-width forms: NFKC of the one character, which is at most three code points. */
static int
standard_width(int32_t p, utf8proc_int32_t points[8])
{
    utf8proc_ssize_t n;

    points[0] = p;
    if (p == 0x3000)
        points[0] = ' ';
    if (p < 0xff01 || p > 0xffef)
        return 1;
    n = utf8proc_decompose_char(p, points, 8,
                                UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_COMPOSE, NULL);
    AC_CHECK(n > 0 && n <= 8);
    n = utf8proc_normalize_utf32(points, n, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    AC_CHECK(n > 0);
    return (int) n;
}

static int32_t
straight_quote(int32_t p)
{
    if (p == 0x2bc || (p >= 0x2018 && p <= 0x201b))
        return '\'';
    if (p >= 0x201c && p <= 0x201f)
        return '"';
    return p;
}

static int32_t
unix_line_break(int32_t p)
{
    return p == '\r' || p == 0x2028 || p == 0x2029 || p == 0x85 ? '\n' : p;
}

static void
push_fixed(ac_buffer *out, int32_t p)
{
    utf8proc_int32_t points[8];
    int n = standard_width(p, points);

    for (int i = 0; i < n; i++)
        ac_utf8_push(out, unix_line_break(straight_quote(points[i])));
}

static ac_status
fix_points(ac_buffer *out, const char *text, size_t n)
{
    for (size_t i = 0; i < n;) {
        int32_t p = ac_utf8_next(text, n, &i);
        const char *letters;

        if (p == '\r' && i < n && text[i] == '\n')
            continue;
        if (p >= 0x80 && p <= 0x9f)
            p = ac_windows_1252_point(p);
        letters = ligature_letters(p);
        if (!letters)
            push_fixed(out, p);
        for (size_t k = 0, m = letters ? strlen(letters) : 0; k < m;)
            push_fixed(out, ac_utf8_next(letters, m, &k));
    }
    return out->status;
}

/* ---- remove_terminal_escapes, remove_control_chars ---- */

/* The length of "ESC [ digits and semicolons letter" at p; 0: none. */
static size_t
terminal_escape(const char *p, size_t n)
{
    size_t i = 2;

    if (n < 3 || p[0] != '\033' || p[1] != '[')
        return 0;
    while (i < n) {
        const char c = p[i];
        const int32_t point = ac_utf8_next(p, n, &i);
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
            return i;
        if (c != ';' && utf8proc_category(point) != UTF8PROC_CATEGORY_ND)
            return 0;
    }
    return 0;
}

static bool
is_control(int32_t p)
{
    return p <= 8 || p == 0xb || (p >= 0xe && p <= 0x1f) || p == 0x7f ||
           (p >= 0x206a && p <= 0x206f) || p == 0xfeff || (p >= 0xfff9 && p <= 0xfffc);
}

static ac_status
remove_controls(ac_buffer *out, const char *text, size_t n)
{
    for (size_t i = 0; i < n;) {
        const size_t from = i, escape = terminal_escape(text + i, n - i);
        if (escape)
            i += escape;
        else if (!is_control(ac_utf8_next(text, n, &i)))
            ac_buffer_push(out, text + from, i - from);
    }
    return out->status;
}

/* ---- the whole ---- */

static const char *
bytes_of(const ac_buffer *self)
{
    return self->data ? self->data : "";
}

/* One segment: `a` holds it and its outcome, `b` is scratch. There are no surrogates in UTF-8,
 * so none to fix. */
static ac_status
fix_segment(ac_buffer *a, ac_buffer *b, ac_buffer *before, bool unescape)
{
    ac_status st = AC_OK;
    int64_t budget = ac_mojibake_budget(a->size);

    do {
        ac_buffer_reset(before);
        AC_TRY(ac_buffer_push(before, bytes_of(a), a->size));
        if (unescape) {
            ac_buffer_reset(a);
            AC_TRY(ac_html_unescape_strict(a, bytes_of(before), before->size));
        }
        ac_buffer_reset(b);
        AC_TRY(ac_mojibake_fix(b, bytes_of(a), a->size, &budget));
        ac_buffer_reset(a);
        AC_TRY(fix_points(a, bytes_of(b), b->size));
        ac_buffer_reset(b);
        AC_TRY(remove_controls(b, bytes_of(a), a->size));
        ac_buffer_reset(a);
        AC_TRY(ac_unicode_nfc(a, bytes_of(b), b->size));
    } while (a->size != before->size || memcmp(bytes_of(a), bytes_of(before), a->size) != 0);
out:
    return st;
}

/* Where the segment at `from` ends: behind a line feed, at the text's end, or after
 * SEGMENT_POINTS code points. */
static size_t
segment_end(const char *text, size_t n, size_t from)
{
    const char *feed = memchr(text + from, '\n', n - from);
    const size_t end = feed ? (size_t) (feed - text) + 1 : n;
    size_t at = from;

    if (end - from <= SEGMENT_POINTS)
        return end;
    for (int points = 0; points < SEGMENT_POINTS && at < end; points++)
        ac_utf8_next(text, end, &at);
    return at;
}

ac_status
ac_ftfy_fix_text(ac_buffer *out, const char *text, size_t n)
{
    ac_status st = AC_OK;
    ac_buffer a = { 0 }, b = { 0 }, before = { 0 };
    bool unescape = true;

    if (is_plain(text, n))
        return ac_buffer_push(out, text, n);
    for (size_t at = 0, end; at < n; at = end) {
        end = segment_end(text, n, at);
        unescape = unescape &&
                   !memchr(text + at, '<',
                           end - at); /* real HTML: this segment's and all later ones' stay */
        ac_buffer_reset(&a);
        AC_TRY(ac_buffer_push(&a, text + at, end - at));
        AC_TRY(fix_segment(&a, &b, &before, unescape));
        AC_TRY(ac_buffer_push(out, bytes_of(&a), a.size));
    }
out:
    ac_buffer_free(&a);
    ac_buffer_free(&b);
    ac_buffer_free(&before);
    return st;
}
