#include "engine/text/added_tokens.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/text/unicode.h"

/* A character of a word, as in Rust's regular expressions. */
#define WORD "[" AC_PATTERN_WORD "]"

ac_status
ac_added_tokens_push(ac_added_tokens *self, const char *text, size_t n,
                     const ac_added_token *token)
{
    ac_status st = AC_OK;

    AC_TRY(ac_grow(&self->items, &self->capacity, self->count + 1, sizeof *self->items));
    AC_TRY(ac_texts_push(&self->texts, text, n));
    self->items[self->count++] = *token;
out:
    return st;
}

static void
free_finder(ac_added_finder *self)
{
    ac_texts_free(&self->texts);
    free(self->which);
    *self = (ac_added_finder){ 0 };
}

void
ac_added_tokens_free(ac_added_tokens *self)
{
    ac_texts_free(&self->texts);
    ac_texts_free(&self->decoded);
    free(self->items);
    free_finder(&self->raw);
    free_finder(&self->normalised);
    ac_pattern_free(&self->word);
    *self = (ac_added_tokens){ 0 };
}

int64_t
ac_added_tokens_find(const ac_added_tokens *self, int32_t id)
{
    int64_t low = 0, high = self->count; /* items are in order of ids once finished */

    while (low < high) {
        const int64_t middle = (low + high) / 2;
        if (self->items[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < self->count && self->items[low].id == id ? low : -1;
}

/* ---- finishing ---- */

typedef struct entry {
    const char *text;
    size_t n;
    int64_t index; /* in the order of the file */
    ac_added_token token;
} entry;

static int
by_id(const void *a, const void *b)
{
    const entry *x = a, *y = b;

    return (x->token.id > y->token.id) - (x->token.id < y->token.id);
}

static int
by_text(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    const int order = memcmp(x->text, y->text, x->n < y->n ? x->n : y->n);

    if (order)
        return order;
    if (x->n != y->n)
        return x->n < y->n ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static ac_status
sort_by_id(ac_added_tokens *self)
{
    ac_texts sorted = { 0 };
    entry *entries = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&entries, self->count, sizeof *entries));
    for (int64_t i = 0; i < self->count; i++)
        entries[i] = (entry){ ac_texts_at(&self->texts, i), ac_texts_size(&self->texts, i), i,
                              self->items[i] };
    qsort(entries, (size_t) self->count, sizeof *entries, by_id);
    for (int64_t i = 0; i < self->count; i++) {
        AC_TRY(ac_texts_push(&sorted, entries[i].text, entries[i].n));
        self->items[i] = entries[i].token;
    }
    ac_texts_free(&self->texts);
    self->texts = sorted;
    sorted = (ac_texts){ 0 };
out:
    ac_texts_free(&sorted);
    free(entries);
    return st;
}

/* Is this the text, as in the file, of a special token? */
static bool
is_special(const ac_added_tokens *self, const char *text, size_t n)
{
    for (int64_t i = 0; i < self->count; i++)
        if (self->items[i].special && ac_texts_is(&self->texts, i, text, n))
            return true;
    return false;
}

/* The form in which each token is looked for, which is what it decodes to. tokenizers takes a
 * token for special by that form, so one that normalising changes is never left out. */
static ac_status
make_decoded(ac_added_tokens *self, const ac_text_steps *normalizers)
{
    ac_buffer text = { 0 };
    ac_status st = AC_OK;

    for (int64_t i = 0; i < self->count; i++) {
        const char *own = ac_texts_at(&self->texts, i);
        const size_t n = ac_texts_size(&self->texts, i);
        ac_buffer_reset(&text);
        if (self->items[i].normalized)
            AC_TRY(ac_text_normalise(normalizers, own, n, &text));
        else
            AC_TRY(ac_buffer_push(&text, own, n));
        if (text.size == 0)
            AC_FAIL(AC_E_FORMAT, "the added token of id %d is empty%s", self->items[i].id,
                    n ? " once it is normalised" : "");
        AC_TRY(ac_texts_push(&self->decoded, text.data, text.size));
        self->items[i].skipped = self->items[i].normalized
                                     ? is_special(self, text.data, text.size)
                                     : self->items[i].special;
    }
out:
    ac_buffer_free(&text);
    return st;
}

/* The tokens with this flag, sorted; of equal texts the first alone. */
static ac_status
make_finder(ac_added_finder *self, const ac_added_tokens *of, bool normalised)
{
    entry *entries = NULL;
    int64_t n = 0;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&entries, of->count, sizeof *entries));
    AC_TRY(ac_alloc(&self->which, of->count, sizeof *self->which));
    for (int64_t i = 0; i < of->count; i++)
        if (of->items[i].normalized == normalised)
            entries[n++] = (entry){ ac_texts_at(&of->decoded, i),
                                    ac_texts_size(&of->decoded, i), i, of->items[i] };
    qsort(entries, (size_t) n, sizeof *entries, by_text);
    for (int64_t i = 0; i < n; i++) {
        const int64_t last = self->texts.count - 1;
        if (last >= 0 && ac_texts_is(&self->texts, last, entries[i].text, entries[i].n))
            continue;
        AC_TRY(ac_texts_push(&self->texts, entries[i].text, entries[i].n));
        self->which[last + 1] = (int32_t) entries[i].index;
    }
out:
    free(entries);
    return st;
}

ac_status
ac_added_tokens_finish(ac_added_tokens *self, const ac_text_steps *normalizers)
{
    bool words = false;
    ac_status st = AC_OK;

    if (self->count == 0)
        return AC_OK;
    AC_TRY(sort_by_id(self));
    AC_TRY(make_decoded(self, normalizers));
    AC_TRY(make_finder(&self->raw, self, false));
    AC_TRY(make_finder(&self->normalised, self, true));
    for (int64_t i = 0; i < self->count; i++)
        words = words || self->items[i].single_word;
    if (words)
        st = ac_pattern_init_regex(&self->word, WORD, strlen(WORD));
out:
    return st;
}

/* ---- searching ---- */

/* The first text of a finder, from `low` on, whose byte `depth` is not below c. All texts of
 * [low, high) agree before that byte. */
static int64_t
first_at_least(const ac_added_finder *f, int64_t low, int64_t high, size_t depth, int c)
{
    while (low < high) {
        const int64_t middle = (low + high) / 2;
        const int byte = ac_texts_size(&f->texts, middle) > depth
                             ? (unsigned char) ac_texts_at(&f->texts, middle)[depth]
                             : -1;
        if (byte < c)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The longest token that the text begins with: its place in the finder; -1: none. */
static int64_t
longest(const ac_added_finder *f, const char *text, size_t n)
{
    int64_t low = 0, high = f->texts.count, found = -1;

    for (size_t depth = 0; depth < n && low < high; depth++) {
        const int c = (unsigned char) text[depth];
        low = first_at_least(f, low, high, depth, c);
        high = first_at_least(f, low, high, depth, c + 1);
        if (low < high && ac_texts_size(&f->texts, low) == depth + 1)
            found = low;
    }
    return found;
}

/* Is the character that ends before, or begins at, this place one of a word? */
static ac_status
touches_word(const ac_added_tokens *self, const char *text, size_t n, size_t at, bool before,
             bool *out)
{
    ac_spans spans = { 0 };
    size_t from = at, to = at;
    ac_status st;

    *out = false;
    if (before ? at == 0 : at == n)
        return AC_OK;
    if (before)
        while (((unsigned char) text[--from] & 0xc0) == 0x80)
            ;
    else
        ac_utf8_next(text, n, &to);
    st = ac_pattern_spans(&self->word, text + from, to - from, &spans);
    *out = st == AC_OK && spans.count && spans.items[0].match;
    free(spans.items);
    return st;
}

static size_t
space_on_left(const char *text, size_t least, size_t to)
{
    size_t from = to, at;

    while (from > least) {
        size_t next = from;
        do
            next--;
        while (((unsigned char) text[next] & 0xc0) == 0x80);
        at = next;
        if (next < least || !ac_unicode_is_white_space(ac_utf8_next(text, to, &at)))
            break;
        from = next;
    }
    return from;
}

static size_t
space_on_right(const char *text, size_t n, size_t to)
{
    for (size_t at = to; at < n; to = at)
        if (!ac_unicode_is_white_space(ac_utf8_next(text, n, &at)))
            break;
    return to;
}

static ac_status
push_segment(ac_segments *out, size_t from, size_t to, int32_t id)
{
    const ac_status st =
        ac_grow(&out->items, &out->capacity, out->count + 1, sizeof *out->items);

    if (st == AC_OK)
        out->items[out->count++] = (ac_segment){ from, to, id };
    return st;
}

ac_status
ac_added_tokens_split(const ac_added_tokens *self, bool normalised, const char *text, size_t n,
                      ac_segments *out)
{
    const ac_added_finder *f = normalised ? &self->normalised : &self->raw;
    size_t done = 0; /* up to here the text is in segments */
    ac_status st = AC_OK;

    for (size_t at = 0; f->texts.count && at < n;) {
        const int64_t found = longest(f, text + at, n - at);
        const ac_added_token *t;
        size_t from = at, to;
        bool left = false, right = false;
        if (found < 0) {
            at++;
            continue;
        }
        t = &self->items[f->which[found]];
        to = at = from + ac_texts_size(&f->texts, found);
        if (t->single_word) {
            AC_TRY(touches_word(self, text, n, from, true, &left));
            AC_TRY(touches_word(self, text, n, to, false, &right));
        }
        if (left || right)
            continue;
        if (t->left)
            from = from < done ? done : space_on_left(text, done, from);
        if (t->right)
            to = space_on_right(text, n, to);
        if (from > done)
            AC_TRY(push_segment(out, done, from, -1));
        if (from < to) /* else in the white space that the token before took in */
            AC_TRY(push_segment(out, from, to, t->id));
        done = to > done ? to : done;
    }
    if (done < n)
        st = push_segment(out, done, n, -1);
out:
    return st;
}
