/**
 * Where the words of a caption come from: the spans that it has in common with the entries that
 * were retrieved for its image. Words are the tokens of ac_ptb_tokenize.
 */
#ifndef AC_ENGINE_METRICS_EVIDENCE_H
#define AC_ENGINE_METRICS_EVIDENCE_H

#include "engine/metrics/caption_words.h"
#include "engine/metrics/ptb_tokenizer.h"

/** Words [from, from + count) of the caption, which stand so in an entry. */
typedef struct ac_evidence_span {
    int64_t from, count;
    int64_t entry; /* among those given */
} ac_evidence_span;

/** What was found for one caption. */
typedef struct ac_evidence {
    ac_words words;
    const bool *content;  /* [words.count]: a content word, no function word */
    const bool *in_table; /* [words.count]: it stands in one of the entries */
    const ac_evidence_span *spans;
    int64_t span_count;
    int64_t copied; /* words that lie in a span */
} ac_evidence;

/** Finds evidence, caption after caption; remembers the entries it has seen. Starts zeroed. */
typedef struct ac_evidence_finder {
    ac_ptb_tokenizer *tokenizer;
    ac_vocabulary words;
    bool *content; /* [content_count], of word i + 1 */
    int64_t content_count, content_capacity;
    ac_vocabulary texts; /* entries seen */
    ac_caption_words entries, caption;
    ac_buffer tokens;
    int64_t *rows; /* of the present entries, in `entries` */
    int64_t row_capacity;
    bool *flags; /* the present caption's content and in_table */
    ac_evidence_span *spans;
    int64_t flag_capacity, span_capacity;
} ac_evidence_finder;

void ac_evidence_finder_free(ac_evidence_finder *self);

/**
 * From left to right: at each word the longest run that stands in one entry (of equally long
 * ones in the earlier entry) is a span, if it holds a content word; the search goes on behind
 * it.
 * @param[in] entries  [first, first + count): best first
 * @param[out] out     valid until the next call
 * @return AC_E_NOMEM
 */
AC_MUST_CHECK ac_status ac_evidence_find(ac_evidence_finder *self, const char *caption,
                                         size_t n, const ac_texts *entries, int64_t first,
                                         int64_t count, ac_evidence *out);

/** Is the word one of the about 150 that every caption has (docs/EVALUATION.md)? */
bool ac_is_function_word(const char *word, size_t n);
int ac_function_word_count(void);

#endif
