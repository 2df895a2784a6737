#include "engine/metrics/evidence.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/base/text.h"

/* Sorted by bytes. Articles, pronouns, prepositions, conjunctions, auxiliaries, particles, and
 * the tokenizer's parts of contractions. */
static const char *const function_words[] = {
    "'d",      "'ll",     "'m",      "'re",        "'s",      "'ve",    "a",        "about",
    "above",   "across",  "after",   "against",    "all",     "along",  "also",     "am",
    "among",   "an",      "and",     "another",    "any",     "are",    "around",   "as",
    "at",      "away",    "be",      "because",    "been",    "before", "behind",   "being",
    "below",   "beneath", "beside",  "between",    "beyond",  "both",   "but",      "by",
    "can",     "could",   "did",     "do",         "does",    "doing",  "down",     "during",
    "each",    "either",  "every",   "few",        "for",     "from",   "had",      "has",
    "have",    "having",  "he",      "her",        "here",    "hers",   "him",      "his",
    "how",     "i",       "if",      "in",         "inside",  "into",   "is",       "it",
    "its",     "just",    "like",    "many",       "may",     "me",     "might",    "more",
    "most",    "much",    "must",    "my",         "n't",     "near",   "next",     "no",
    "nor",     "not",     "of",      "off",        "on",      "onto",   "or",       "other",
    "our",     "out",     "outside", "over",       "own",     "past",   "per",      "same",
    "several", "shall",   "she",     "should",     "since",   "so",     "some",     "such",
    "than",    "that",    "the",     "their",      "theirs",  "them",   "then",     "there",
    "these",   "they",    "this",    "those",      "through", "to",     "together", "too",
    "toward",  "towards", "under",   "underneath", "until",   "up",     "upon",     "us",
    "very",    "via",     "was",     "we",         "were",    "what",   "when",     "where",
    "which",   "while",   "who",     "whom",       "whose",   "why",    "will",     "with",
    "within",  "without", "would",   "you",        "your",
};

bool
ac_is_function_word(const char *word, size_t n)
{
    size_t low = 0, high = sizeof function_words / sizeof *function_words;

    while (low < high) {
        const size_t middle = (low + high) / 2;
        const int c =
            ac_bytes_compare(function_words[middle], strlen(function_words[middle]), word, n);
        if (c == 0)
            return true;
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

int
ac_function_word_count(void)
{
    return (int) (sizeof function_words / sizeof *function_words);
}

void
ac_evidence_finder_free(ac_evidence_finder *self)
{
    ac_ptb_tokenizer_free(self->tokenizer);
    ac_vocabulary_free(&self->words);
    free(self->content);
    ac_vocabulary_free(&self->texts);
    ac_caption_words_free(&self->entries);
    ac_caption_words_free(&self->caption);
    ac_buffer_free(&self->tokens);
    free(self->rows);
    free(self->flags);
    free(self->spans);
    *self = (ac_evidence_finder){ 0 };
}

static ac_status
push_words(ac_evidence_finder *self, ac_caption_words *out, const char *text, size_t n)
{
    ac_status st = AC_OK;

    ac_buffer_reset(&self->tokens);
    AC_TRY(ac_ptb_tokenize(self->tokenizer, &self->tokens, text, n));
    AC_TRY(ac_caption_words_push(out, &self->words, self->tokens.data, self->tokens.size));
    AC_TRY(ac_grow(&self->content, &self->content_capacity, self->words.words.count,
                   sizeof *self->content));
    for (; self->content_count < self->words.words.count; self->content_count++)
        self->content[self->content_count] =
            !ac_is_function_word(ac_texts_at(&self->words.words, self->content_count),
                                 ac_texts_size(&self->words.words, self->content_count));
out:
    return st;
}

/* The row of an entry's words. */
static ac_status
entry_row(ac_evidence_finder *self, const char *text, size_t n, int64_t *row)
{
    int32_t number;
    ac_status st = AC_OK;

    AC_TRY(ac_vocabulary_add(&self->texts, text, n, &number));
    *row = number - 1;
    if (*row == self->entries.count)
        AC_TRY(push_words(self, &self->entries, text, n));
out:
    return st;
}

/* The longest run of the caption's words from `at` on that stands in an entry. */
static ac_evidence_span
longest_run(const ac_evidence_finder *self, ac_words caption, int64_t at, int64_t count)
{
    ac_evidence_span best = { .from = at };

    for (int64_t e = 0; e < count; e++) {
        const ac_words entry = ac_caption_words_at(&self->entries, self->rows[e]);
        for (int64_t p = 0; p + best.count < entry.count; p++) {
            int64_t n = 0;
            while (at + n < caption.count && p + n < entry.count &&
                   caption.words[at + n] == entry.words[p + n])
                n++;
            if (n > best.count)
                best = (ac_evidence_span){ at, n, e };
        }
    }
    return best;
}

static ac_status
find_spans(ac_evidence_finder *self, const bool *content, int64_t count, ac_evidence *out)
{
    const ac_words caption = out->words;
    ac_status st = AC_OK;

    for (int64_t at = 0; at < caption.count;) {
        const ac_evidence_span span = longest_run(self, caption, at, count);
        bool holds_content = false;

        for (int64_t i = 0; i < span.count; i++)
            holds_content = holds_content || content[at + i];
        if (!holds_content) {
            at++;
            continue;
        }
        AC_TRY(ac_grow(&self->spans, &self->span_capacity, out->span_count + 1,
                       sizeof *self->spans));
        self->spans[out->span_count++] = span;
        out->copied += span.count;
        at += span.count;
    }
out:
    return st;
}

ac_status
ac_evidence_find(ac_evidence_finder *self, const char *caption, size_t n,
                 const ac_texts *entries, int64_t first, int64_t count, ac_evidence *out)
{
    bool *content, *in_table;
    ac_status st = AC_OK;

    *out = (ac_evidence){ .copied = 0 };
    if (!self->tokenizer)
        AC_TRY(ac_ptb_tokenizer_new(&self->tokenizer));
    AC_TRY(ac_grow(&self->rows, &self->row_capacity, count, sizeof *self->rows));
    for (int64_t e = 0; e < count; e++)
        AC_TRY(entry_row(self, ac_texts_at(entries, first + e),
                         ac_texts_size(entries, first + e), &self->rows[e]));
    ac_caption_words_reset(&self->caption);
    AC_TRY(push_words(self, &self->caption, caption, n));
    out->words = ac_caption_words_at(&self->caption, 0);
    AC_TRY(
        ac_grow(&self->flags, &self->flag_capacity, 2 * out->words.count, sizeof *self->flags));
    content = self->flags;
    in_table = self->flags ? self->flags + out->words.count : NULL; /* of no word */
    for (int64_t i = 0; i < out->words.count; i++) {
        content[i] = self->content[out->words.words[i] - 1];
        in_table[i] = false;
        for (int64_t e = 0; e < count && !in_table[i]; e++) {
            const ac_words entry = ac_caption_words_at(&self->entries, self->rows[e]);
            for (int64_t p = 0; p < entry.count && !in_table[i]; p++)
                in_table[i] = entry.words[p] == out->words.words[i];
        }
    }
    AC_TRY(find_spans(self, content, count, out));
    out->content = content;
    out->in_table = in_table;
    out->spans = self->spans;
out:
    return st;
}
