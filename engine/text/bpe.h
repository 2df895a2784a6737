/** Byte-level byte-pair encoding: a vocabulary, ranked merges, and the merging of one word. */
#ifndef AC_ENGINE_TEXT_BPE_H
#define AC_ENGINE_TEXT_BPE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/buffer.h"

typedef struct ac_bpe_merge {
    uint64_t pair; /* left id << 32 | right id; ~0: free */
    int32_t rank, id;
} ac_bpe_merge;

/** Starts zeroed. Immutable once made: shared by threads. */
typedef struct ac_bpe {
    ac_texts tokens;      /* [size]: token text by id, in GPT-2's byte alphabet */
    int32_t *by_text;     /* open addressing over tokens; -1: free */
    ac_bpe_merge *merges; /* open addressing */
    int64_t by_text_mask, merges_mask;
    int32_t byte_ids[256];     /* id of a byte's own token; -1: none */
    int32_t byte_end_ids[256]; /* the same with the word's end mark */
    bool word_end;
} ac_bpe;

/**
 * @param[in] tokens    [size] token texts by id, empty where an id has no token; copied
 * @param[in] merges    merges.txt: one pair per line, best first; a first line "#version…" is
 * passed over
 * @param[in] word_end  a word's last symbol carries "</w>" (CLIP)
 */
AC_MUST_CHECK ac_status ac_bpe_init(ac_bpe *self, const ac_texts *tokens, const char *merges,
                                    size_t merges_bytes, bool word_end);
/**
 * The same with merges in memory: pairs [2 * merges], left and right of each, best first; of
 * one given twice the last counts.
 */
AC_MUST_CHECK ac_status ac_bpe_init_pairs(ac_bpe *self, const ac_texts *tokens,
                                          const ac_texts *pairs, bool word_end);
void ac_bpe_free(ac_bpe *self);

/** The id of a token's text; -1: none. */
int32_t ac_bpe_find(const ac_bpe *self, const char *text, size_t n);

/**
 * Merge one word. ids [capacity >= n]: the result; a byte without a token of its own becomes
 * `unknown`.
 * @return the number of ids
 */
int64_t ac_bpe_word(const ac_bpe *self, const char *word, size_t n, int32_t unknown,
                    int32_t *ids);

/** The merge of two ids; NULL: none. */
const ac_bpe_merge *ac_bpe_find_merge(const ac_bpe *self, int32_t left, int32_t right);

/** Append the character of GPT-2's alphabet that stands for a byte. */
ac_status ac_bpe_push_byte(ac_buffer *out, int byte);
/** The byte that a character of that alphabet stands for; -1: it is none. */
int ac_bpe_byte_of(int32_t point);

/** The bytes a token stands for, without "</w>"; appended. */
AC_MUST_CHECK ac_status ac_bpe_bytes(const ac_bpe *self, int32_t id, ac_buffer *out,
                                     bool *ends_word);

#endif
