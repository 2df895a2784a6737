/**
 * The steps that a tokenizer.json is made of: normalizers change a text, pre-tokenizers split
 * it into words, decoders turn tokens back into text. Source: Hugging Face's tokenizers 0.23.
 * Golden: topic tokenizer_json.
 */
#ifndef AC_ENGINE_TEXT_TEXT_STEPS_H
#define AC_ENGINE_TEXT_TEXT_STEPS_H

#include "engine/base/buffer.h"
#include "engine/text/pattern.h"

typedef enum ac_text_step_kind {
    /* normalizers */
    AC_STEP_NFC = 0,
    AC_STEP_NFD,
    AC_STEP_NFKC,
    AC_STEP_NFKD,
    AC_STEP_LOWERCASE, /* each character by itself: no final sigma */
    AC_STEP_STRIP,     /* white space at the ends: first (left), second (right) */
    AC_STEP_PREPEND,   /* text, before a text that is not empty */
    /* normalizers and decoders */
    AC_STEP_REPLACE, /* each match of pattern by text */
    /* pre-tokenizers */
    AC_STEP_BYTE_LEVEL, /* first: a blank in front; pattern: words, or none; then GPT-2's
                           alphabet; as a decoder: back to bytes */
    AC_STEP_SPLIT,      /* by pattern */
    AC_STEP_DIGITS,     /* by characters that are numeric */
    AC_STEP_PUNCTUATION,
    AC_STEP_WHITE_SPACE,
    AC_STEP_METASPACE, /* blanks become text; second: a word begins at each; also a decoder */
    /* decoders */
    AC_STEP_FUSE,
    AC_STEP_BYTE_FALLBACK, /* <0xHH> */
    AC_STEP_TRIM,          /* count_left and count_right of the character `text` at the ends */
    AC_STEP_WORD_SUFFIX    /* text at a token's end becomes a blank, none at the very end */
} ac_text_step_kind;

typedef enum ac_split_behavior {
    AC_SPLIT_REMOVED = 0,
    AC_SPLIT_ISOLATED,
    AC_SPLIT_MERGED_WITH_PREVIOUS,
    AC_SPLIT_MERGED_WITH_NEXT,
    AC_SPLIT_CONTIGUOUS
} ac_split_behavior;

/** Where AC_STEP_METASPACE puts its sign in front. */
typedef enum ac_prepend_scheme {
    AC_PREPEND_ALWAYS = 0,
    AC_PREPEND_FIRST, /* at the text's beginning alone */
    AC_PREPEND_NEVER
} ac_prepend_scheme;

/** Starts zeroed. */
typedef struct ac_text_step {
    ac_text_step_kind kind;
    ac_split_behavior behavior;
    ac_prepend_scheme prepend;
    bool invert, first, second;
    int64_t count_left, count_right;
    ac_pattern pattern;
    char *text; /* owned */
    size_t text_bytes;
} ac_text_step;

/** Starts zeroed. Immutable once made. */
typedef struct ac_text_steps {
    ac_text_step *items;
    int64_t count, capacity;
} ac_text_steps;

/** Append; takes over what the step owns, even on failure. */
AC_MUST_CHECK ac_status ac_text_steps_push_take(ac_text_steps *self, ac_text_step *step);
void ac_text_step_free(ac_text_step *self);
void ac_text_steps_free(ac_text_steps *self);
/** Is a step of this kind among them? */
bool ac_text_steps_have(const ac_text_steps *self, ac_text_step_kind kind);

/** Append the text after all normalizers. text is valid UTF-8. */
AC_MUST_CHECK ac_status ac_text_normalise(const ac_text_steps *self, const char *text, size_t n,
                                          ac_buffer *out);

/**
 * The words of a text, appended.
 * @param[in] begins  the text is the whole input's beginning
 */
AC_MUST_CHECK ac_status ac_text_pre_tokenize(const ac_text_steps *self, const char *text,
                                             size_t n, bool begins, ac_texts *out);

/** Append the text of tokens. Where there are no steps: the tokens with blanks between. */
AC_MUST_CHECK ac_status ac_text_decode(const ac_text_steps *self, const ac_texts *tokens,
                                       ac_buffer *out);

/** The byte of a token "<0xHH>"; -1: it is none. */
int ac_text_byte_token(const char *token, size_t n);

#endif
