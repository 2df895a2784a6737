/**
 * Byte-level byte-pair encoding as GGUF files describe it: a vocabulary with a kind per token,
 * merges, and the name of a way to split words. Tokens of a kind of their own are found whole
 * in the text; a byte without a token is dropped. Golden: tests/golden, topics gguf, smollm2.
 */
#ifndef AC_ENGINE_TEXT_BYTE_TOKENIZER_H
#define AC_ENGINE_TEXT_BYTE_TOKENIZER_H

#include "engine/text/tokenizer.h"

/** What kinds of token there are, as GGUF counts them. */
enum { AC_TOKEN_CONTROL = 3, AC_TOKEN_USER_DEFINED = 4 };

/** Starts zeroed. Immutable once made: encode and decode may run in several threads. */
typedef struct ac_byte_tokenizer {
    ac_bpe bpe;
    unsigned char *kinds; /* [tokens] */
    int32_t *whole;       /* [whole_count]: tokens found whole, longest first */
    int64_t whole_count;
    const struct ac_word_split *split;
    void *pattern; /* compiled, owned */
} ac_byte_tokenizer;

/**
 * @param[in] tokens  token texts by id, in GPT-2's byte alphabet; no two the same
 * @param[in] kinds   [tokens->count], or NULL: all are normal
 * @param[in] merges  a pair a line, best first
 * @param[in] split   "gpt-2", "smollm", "llama-bpe", "qwen2": AC_E_FORMAT for another
 */
AC_MUST_CHECK ac_status ac_byte_tokenizer_init(ac_byte_tokenizer *self, const ac_texts *tokens,
                                               const unsigned char *kinds, const char *merges,
                                               size_t merges_bytes, const char *split);
void ac_byte_tokenizer_free(ac_byte_tokenizer *self);

/** All of a text's ids; nothing is put around them. AC_E_FORMAT where it is not UTF-8. */
AC_MUST_CHECK ac_status ac_byte_tokenizer_encode(const ac_byte_tokenizer *self,
                                                 const char *text, size_t n, ac_encoding *out);

/** Append the bytes of ids, control tokens skipped or not; they may end within a character. */
AC_MUST_CHECK ac_status ac_byte_tokenizer_bytes(const ac_byte_tokenizer *self,
                                                const int32_t *ids, int64_t n,
                                                bool skip_control, ac_buffer *out);

#endif
