/** Tokens that are found in the text before anything else splits it. Source: Hugging Face's
 * tokenizers 0.23, AddedVocabulary. */
#ifndef AC_ENGINE_TEXT_ADDED_TOKENS_H
#define AC_ENGINE_TEXT_ADDED_TOKENS_H

#include "engine/text/text_steps.h"

typedef struct ac_added_token {
    int32_t id;
    bool special;
    bool single_word; /* not within a word */
    bool left, right; /* takes in the white space on that side */
    bool normalized;  /* found in the normalised text */
    bool skipped;     /* left out of decoded text: computed */
} ac_added_token;

/** The tokens that are looked for in one kind of text, in the order of their bytes. */
typedef struct ac_added_finder {
    ac_texts texts; /* sorted */
    int32_t *which; /* [texts] index of the token */
} ac_added_finder;

/** Starts zeroed. Immutable once finished. */
typedef struct ac_added_tokens {
    ac_texts texts;   /* [count] as in the file */
    ac_texts decoded; /* [count] what they decode to: as they are looked for */
    ac_added_token *items;
    int64_t count, capacity;
    ac_added_finder raw, normalised;
    ac_pattern word; /* a character of a word; made where a token needs it */
} ac_added_tokens;

AC_MUST_CHECK ac_status ac_added_tokens_push(ac_added_tokens *self, const char *text, size_t n,
                                             const ac_added_token *token);
/** Before the first search. AC_E_FORMAT: a token that is empty, also once it is normalised. */
AC_MUST_CHECK ac_status ac_added_tokens_finish(ac_added_tokens *self,
                                               const ac_text_steps *normalizers);
void ac_added_tokens_free(ac_added_tokens *self);
/** The index of the token of this id; -1: none. */
int64_t ac_added_tokens_find(const ac_added_tokens *self, int32_t id);

/** A part of a text: an added token, or what lies between two of them. */
typedef struct ac_segment {
    size_t from, to;
    int32_t id; /* -1: no added token */
} ac_segment;

/** Starts zeroed. Free items with free(). */
typedef struct ac_segments {
    ac_segment *items;
    int64_t count, capacity;
} ac_segments;

/** Parts of a text in order, none of them an empty one between tokens; of tokens that begin at
 * one place the longest. */
AC_MUST_CHECK ac_status ac_added_tokens_split(const ac_added_tokens *self, bool normalised,
                                              const char *text, size_t n, ac_segments *out);

#endif
