/** Byte-pair encoding as Hugging Face's tokenizers does it: over characters, with a suffix, an
 * unknown token, and bytes in place of unknown characters. */
#ifndef AC_ENGINE_TEXT_BPE_SYMBOLS_H
#define AC_ENGINE_TEXT_BPE_SYMBOLS_H

#include "engine/text/bpe.h"
#include "engine/text/unigram.h"

/** Starts zeroed, but for `unknown`. */
typedef struct ac_bpe_rules {
    char *suffix; /* of a word's last character, owned; NULL: none */
    size_t suffix_bytes;
    int32_t unknown;    /* id in place of a character without a token; -1: it is dropped */
    bool fuse_unknown;  /* a run of them is one */
    bool byte_fallback; /* its bytes as <0xHH>, where all of them are tokens */
    bool whole_words;   /* a word that is a token is that token, whatever the merges say */
} ac_bpe_rules;

void ac_bpe_rules_free(ac_bpe_rules *self);

/** Memory for one word, reused. Starts zeroed; not shared by threads. */
typedef struct ac_bpe_work {
    struct ac_bpe_symbol *symbols;
    struct ac_bpe_candidate *heap;
    int64_t symbol_capacity, heap_capacity, count, heap_count;
} ac_bpe_work;

void ac_bpe_work_free(ac_bpe_work *self);

/**
 * Append the ids of one word, which is valid UTF-8: the best-ranked pair is joined first, of
 * equal ones the leftmost. Time n log n.
 */
AC_MUST_CHECK ac_status ac_bpe_encode_word(const ac_bpe *self, const ac_bpe_rules *rules,
                                           const char *word, size_t n, ac_bpe_work *work,
                                           ac_piece_ids *out);

#endif
