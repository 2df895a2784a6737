#include "engine/text/deny_list.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "engine/base/memory.h"
#include "engine/text/unicode.h"

enum { DOT_ABOVE = 0x307, MOST_POINTS = 32 }; /* that one becomes: U+FDFA has 18 */

void
ac_deny_words_free(ac_deny_words *self)
{
    ac_buffer_free(&self->normal);
    ac_buffer_free(&self->words);
    free(self->ends);
    *self = (ac_deny_words){ 0 };
}

void
ac_deny_list_free(ac_deny_list *self)
{
    ac_texts_free(&self->phrases);
    ac_texts_free(&self->signs);
    free(self->order);
    *self = (ac_deny_list){ 0 };
}

/* ---- words ---- */

typedef enum kind { KIND_BREAK, KIND_IN_WORD, KIND_MARK, KIND_ALONE, KIND_NOTHING } kind;

static bool
is_alone(int32_t p)
{
    static const int32_t ranges[][2] = {
        { 0x0E00, 0x0EFF },   /* Thai, Lao */
        { 0x1000, 0x109F },   /* Burmese */
        { 0x1780, 0x17FF },   /* Khmer */
        { 0x3005, 0x3007 },   /* Han */
        { 0x3040, 0x30FF },   /* kana */
        { 0x3400, 0x4DBF },   /* Han */
        { 0x4E00, 0x9FFF },   /* Han */
        { 0xF900, 0xFAFF },   /* Han */
        { 0x20000, 0x3FFFF }, /* Han */
    };

    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (p >= ranges[i][0] && p <= ranges[i][1])
            return true;
    return false;
}

static kind
kind_of(int32_t p)
{
    const utf8proc_category_t c = utf8proc_category(p);

    if (c == UTF8PROC_CATEGORY_CF)
        return KIND_NOTHING;
    if (c >= UTF8PROC_CATEGORY_MN && c <= UTF8PROC_CATEGORY_ME)
        return KIND_MARK;
    if (p == '_' || (c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_LO) ||
        (c >= UTF8PROC_CATEGORY_ND && c <= UTF8PROC_CATEGORY_NO))
        return is_alone(p) ? KIND_ALONE : KIND_IN_WORD;
    return KIND_BREAK;
}

/* What no reader sees: soft hyphens, joiners, variation selectors, fillers. */
static bool
is_invisible(int32_t p)
{
    return utf8proc_get_property(p)->ignorable;
}

/* Letters, digits, marks and "_" in one form: NFKC's with case folded, so that full width, bold
 * or ligatures are no way around a phrase. Symbols stay: the sign of a trademark is no letter.
 */
static ac_status
fold(ac_buffer *out, const char *text, size_t n)
{
    utf8proc_int32_t points[MOST_POINTS];
    int last = 0;

    for (size_t at = 0; at < n;) {
        const int32_t p = ac_utf8_next(text, n, &at);
        const utf8proc_category_t c = utf8proc_category(p);
        utf8proc_ssize_t count = 1;
        points[0] = p;
        if (p < 0x80)
            points[0] = p >= 'A' && p <= 'Z' ? p - 'A' + 'a' : p;
        else if (is_invisible(p))
            count = 0;
        else if ((c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_NO) ||
                 c == UTF8PROC_CATEGORY_PC)
            count = utf8proc_decompose_char(
                p, points, MOST_POINTS,
                UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD, &last);
        if (count < 0 || count > MOST_POINTS)
            return ac_error_set(AC_E_FORMAT, "U+%04X cannot be decomposed", (unsigned) p);
        for (utf8proc_ssize_t i = 0; i < count; i++)
            ac_utf8_push(out, points[i]);
    }
    return out->status;
}

static ac_status
end_word(ac_deny_words *self)
{
    ac_status st = AC_OK;

    if (self->words.size == (self->count ? self->ends[self->count - 1] : 0))
        return AC_OK;
    AC_TRY(ac_grow(&self->ends, &self->room, self->count + 1, sizeof *self->ends));
    AC_TRY(ac_buffer_push_char(&self->words, '\n'));
    self->ends[self->count++] = self->words.size;
out:
    return st;
}

/* normal: folded, in NFC; words: its words, each with a line feed behind it. */
static ac_status
find_words(ac_deny_words *self, const char *text, size_t n)
{
    ac_buffer folded = { 0 };
    int32_t before = 0;
    bool alone = false; /* a word of one character has begun */
    ac_status st = AC_OK;

    ac_buffer_reset(&self->normal);
    ac_buffer_reset(&self->words);
    self->count = 0;
    AC_TRY(fold(&folded, text, n));
    AC_TRY(ac_unicode_nfc(&self->normal, folded.data ? folded.data : "", folded.size));
    for (size_t at = 0; at < self->normal.size;) {
        int32_t p = ac_utf8_next(self->normal.data, self->normal.size, &at);
        const kind k = kind_of(p);
        const bool empty = self->words.size == (self->count ? self->ends[self->count - 1] : 0);
        if (k == KIND_NOTHING || (p == DOT_ABOVE && before == 'i')) /* lower-cased U+0130 */
            continue;
        if (k == KIND_BREAK || k == KIND_ALONE || (alone && k != KIND_MARK))
            AC_TRY(end_word(self));
        if (k == KIND_IN_WORD || k == KIND_ALONE || (k == KIND_MARK && !empty))
            ac_utf8_push(&self->words, p);
        alone = k == KIND_ALONE || (alone && k == KIND_MARK);
        before = p;
    }
    AC_TRY(self->words.status);
    st = end_word(self);
out:
    ac_buffer_free(&folded);
    return st;
}

/* ---- the list ---- */

static int
compare_bytes(const char *a, size_t n, const char *b, size_t m)
{
    const int d = memcmp(a, b, n < m ? n : m);

    return d ? d : (n > m) - (n < m);
}

static int
compare_phrases(const void *a, const void *b, void *list)
{
    const ac_texts *t = list;
    const int64_t i = *(const int64_t *) a, j = *(const int64_t *) b;

    return compare_bytes(ac_texts_at(t, i), ac_texts_size(t, i), ac_texts_at(t, j),
                         ac_texts_size(t, j));
}

/* A phrase without a word: without the blanks around it. */
static ac_status
push_signs(ac_deny_list *self, const ac_buffer *normal)
{
    size_t from = 0, to = 0;

    for (size_t at = 0; at < normal->size;) {
        const size_t begin = at;
        if (ac_unicode_is_space(ac_utf8_next(normal->data, normal->size, &at)))
            continue;
        from = to ? from : begin;
        to = at;
    }
    return to ? ac_texts_push(&self->signs, normal->data + from, to - from) : AC_OK;
}

ac_status
ac_deny_list_init(ac_deny_list *self, const ac_texts *lines)
{
    ac_deny_words words = { 0 };
    ac_status st = AC_OK;

    for (int64_t i = 0; i < lines->count; i++) {
        AC_TRY(find_words(&words, ac_texts_at(lines, i), ac_texts_size(lines, i)));
        if (words.count)
            AC_TRY(ac_texts_push(&self->phrases, words.words.data, words.words.size));
        else
            AC_TRY(push_signs(self, &words.normal));
        self->words_max = words.count > self->words_max ? words.count : self->words_max;
    }
    AC_TRY(ac_alloc(&self->order, self->phrases.count, sizeof *self->order));
    for (int64_t i = 0; i < self->phrases.count; i++)
        self->order[i] = i;
    if (self->phrases.count)
        qsort_r(self->order, (size_t) self->phrases.count, sizeof *self->order, compare_phrases,
                &self->phrases);
out:
    ac_deny_words_free(&words);
    if (st != AC_OK)
        ac_deny_list_free(self);
    return st;
}

static bool
is_phrase(const ac_deny_list *self, const char *words, size_t n)
{
    int64_t low = 0, high = self->phrases.count;

    while (low < high) {
        const int64_t middle = low + (high - low) / 2, i = self->order[middle];
        const int d = compare_bytes(words, n, ac_texts_at(&self->phrases, i),
                                    ac_texts_size(&self->phrases, i));
        if (d == 0)
            return true;
        if (d < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

ac_status
ac_deny_list_has(const ac_deny_list *self, ac_deny_words *scratch, const char *text, size_t n,
                 bool *denied)
{
    const ac_status st = find_words(scratch, text, n);

    *denied = false;
    if (st != AC_OK)
        return st;
    for (int64_t i = 0; i < scratch->count && !*denied; i++) {
        const size_t from = i ? scratch->ends[i - 1] : 0;
        for (int64_t j = i; j < scratch->count && j < i + self->words_max && !*denied; j++)
            *denied = is_phrase(self, scratch->words.data + from, scratch->ends[j] - from);
    }
    for (int64_t i = 0; i < self->signs.count && !*denied && scratch->normal.size; i++)
        *denied = memmem(scratch->normal.data, scratch->normal.size,
                         ac_texts_at(&self->signs, i), ac_texts_size(&self->signs, i)) != NULL;
    return AC_OK;
}
