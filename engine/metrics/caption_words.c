#include "engine/metrics/caption_words.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "engine/base/memory.h"
#include "engine/text/unicode.h"

void
ac_vocabulary_free(ac_vocabulary *self)
{
    ac_texts_free(&self->words);
    free(self->table);
    *self = (ac_vocabulary){ 0 };
}

/* Where the word is in the table, or would be. */
static int64_t
place_of(const ac_vocabulary *self, const char *word, size_t n)
{
    uint64_t h = XXH3_64bits(word, n);

    for (;; h++) {
        const int64_t at = (int64_t) (h & (uint64_t) (self->size - 1));
        if (!self->table[at] || ac_texts_is(&self->words, self->table[at] - 1, word, n))
            return at;
    }
}

int32_t
ac_vocabulary_find(const ac_vocabulary *self, const char *word, size_t n)
{
    return self->size ? self->table[place_of(self, word, n)] : 0;
}

static ac_status
grow_vocabulary(ac_vocabulary *self)
{
    const int64_t size = self->size ? 2 * self->size : 1024;
    int32_t *table;
    ac_status st = ac_alloc(&table, size, sizeof *table);

    if (st != AC_OK)
        return st;
    free(self->table);
    self->table = table;
    self->size = size;
    for (int64_t i = 0; i < self->words.count; i++)
        table[place_of(self, ac_texts_at(&self->words, i), ac_texts_size(&self->words, i))] =
            (int32_t) (i + 1);
    return AC_OK;
}

ac_status
ac_vocabulary_add(ac_vocabulary *self, const char *word, size_t n, int32_t *number)
{
    int64_t at;
    ac_status st = AC_OK;

    if (2 * (self->words.count + 1) > self->size)
        AC_TRY(grow_vocabulary(self));
    if (self->words.count >= INT32_MAX - 1)
        AC_FAIL(AC_E_LIMIT, "more than %d different words", INT32_MAX - 1);
    at = place_of(self, word, n);
    if (!self->table[at]) {
        AC_TRY(ac_texts_push(&self->words, word, n));
        self->table[at] = (int32_t) self->words.count;
    }
    *number = self->table[at];
out:
    return st;
}

void
ac_caption_words_free(ac_caption_words *self)
{
    free(self->words);
    free(self->spans);
    *self = (ac_caption_words){ 0 };
}

void
ac_caption_words_reset(ac_caption_words *self)
{
    self->count = self->word_count = 0;
}

static ac_status
push_word(ac_caption_words *self, ac_vocabulary *vocabulary, const char *word, size_t n)
{
    int64_t *end = &self->word_count;
    ac_status st = ac_grow(&self->words, &self->word_capacity, *end + 1, sizeof *self->words);

    return st == AC_OK ? ac_vocabulary_add(vocabulary, word, n, &self->words[(*end)++]) : st;
}

static ac_status
part_at_blanks(ac_caption_words *self, ac_vocabulary *vocabulary, const char *text, size_t n)
{
    size_t start = 0, at = 0;
    ac_status st = AC_OK;

    while (at < n) {
        const size_t before = at;
        if (!ac_unicode_is_space(ac_utf8_next(text, n, &at)))
            continue;
        if (before > start)
            AC_TRY(push_word(self, vocabulary, text + start, before - start));
        start = at;
    }
    if (n > start)
        AC_TRY(push_word(self, vocabulary, text + start, n - start));
out:
    return st;
}

static ac_status
part_at_spaces(ac_caption_words *self, ac_vocabulary *vocabulary, const char *text, size_t n)
{
    size_t start = 0;
    ac_status st = AC_OK;

    for (size_t i = 0; i <= n; i++)
        if (i == n || text[i] == ' ') {
            AC_TRY(push_word(self, vocabulary, text + start, i - start));
            start = i + 1;
        }
out:
    return st;
}

/* Words of visible ASCII with single spaces between them: both ways split them alike. */
static bool
is_plain(const char *text, size_t n)
{
    bool space = true;

    for (size_t i = 0; i < n; i++) {
        const bool here = text[i] == ' ';
        if ((here && space) || text[i] < ' ' || text[i] > '~')
            return false;
        space = here;
    }
    return !space;
}

ac_status
ac_caption_words_push(ac_caption_words *self, ac_vocabulary *vocabulary, const char *tokens,
                      size_t n)
{
    const bool plain = is_plain(tokens, n);
    struct ac_caption_span *s;
    ac_status st = AC_OK;

    AC_TRY(ac_grow(&self->spans, &self->span_capacity, self->count + 1, sizeof *self->spans));
    s = &self->spans[self->count];
    s->start = self->word_count;
    if (!plain)
        AC_TRY(part_at_blanks(self, vocabulary, tokens, n));
    s->spaces_start = self->word_count;
    AC_TRY(part_at_spaces(self, vocabulary, tokens, n));
    s->spaces_count = self->word_count - s->spaces_start;
    s->count = plain ? s->spaces_count : s->spaces_start - s->start;
    self->count++;
out:
    return st;
}

ac_status
ac_caption_words_reserve(ac_caption_words *self, const ac_caption_words *other)
{
    ac_status st = AC_OK;

    AC_TRY(ac_grow(&self->spans, &self->span_capacity, self->count + other->count,
                   sizeof *self->spans));
    AC_TRY(ac_grow(&self->words, &self->word_capacity, self->word_count + other->word_count,
                   sizeof *self->words));
    self->count += other->count;
    self->word_count += other->word_count;
out:
    return st;
}

void
ac_caption_words_fill(ac_caption_words *self, int64_t first, int64_t first_word,
                      const ac_caption_words *other, const int32_t *numbers)
{
    for (int64_t i = 0; i < other->word_count; i++)
        self->words[first_word + i] = numbers[other->words[i] - 1];
    for (int64_t i = 0; i < other->count; i++) {
        struct ac_caption_span *s = &self->spans[first + i];
        *s = other->spans[i];
        s->start += first_word;
        s->spaces_start += first_word;
    }
}
