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
    free(self->starts);
    *self = (ac_caption_words){ 0 };
}

static ac_status
push_word(ac_caption_words *self, ac_vocabulary *vocabulary, const char *word, size_t n,
          int64_t *end)
{
    ac_status st = ac_grow(&self->words, &self->word_capacity, *end + 1, sizeof *self->words);

    return st == AC_OK ? ac_vocabulary_add(vocabulary, word, n, &self->words[(*end)++]) : st;
}

static ac_status
part_at_blanks(ac_caption_words *self, ac_vocabulary *vocabulary, const char *text, size_t n,
               int64_t *end)
{
    size_t start = 0, at = 0;
    ac_status st = AC_OK;

    while (at < n) {
        const size_t before = at;
        if (!ac_unicode_is_space(ac_utf8_next(text, n, &at)))
            continue;
        if (before > start)
            AC_TRY(push_word(self, vocabulary, text + start, before - start, end));
        start = at;
    }
    if (n > start)
        AC_TRY(push_word(self, vocabulary, text + start, n - start, end));
out:
    return st;
}

static ac_status
part_at_spaces(ac_caption_words *self, ac_vocabulary *vocabulary, const char *text, size_t n,
               int64_t *end)
{
    size_t start = 0;
    ac_status st = AC_OK;

    for (size_t i = 0; i <= n; i++)
        if (i == n || text[i] == ' ') {
            AC_TRY(push_word(self, vocabulary, text + start, i - start, end));
            start = i + 1;
        }
out:
    return st;
}

ac_status
ac_caption_words_push(ac_caption_words *self, ac_vocabulary *vocabulary, const char *tokens,
                      size_t n)
{
    int64_t *s, end;
    ac_status st = AC_OK;

    AC_TRY(ac_grow(&self->starts, &self->start_capacity, 2 * self->count + 3,
                   sizeof *self->starts));
    s = self->starts + 2 * self->count;
    end = self->count ? s[0] : 0;
    s[0] = end;
    AC_TRY(part_at_blanks(self, vocabulary, tokens, n, &end));
    s[1] = end;
    AC_TRY(part_at_spaces(self, vocabulary, tokens, n, &end));
    s[2] = end;
    self->count++;
out:
    return st;
}
