/**
 * sentencepiece's unigram model: a text, normalised by a compiled table, is cut into the pieces
 * whose scores add up to the most. Source: sentencepiece 0.2 (normalizer.cc,
 * unigram_model.cc::EncodeOptimized). Golden: topic clip_variants, siglip.
 */
#ifndef AC_ENGINE_TEXT_UNIGRAM_H
#define AC_ENGINE_TEXT_UNIGRAM_H

#include "engine/base/buffer.h"

/** A piece's kind, sentencepiece's numbers. */
typedef enum ac_piece_kind {
    AC_PIECE_NORMAL = 1,
    AC_PIECE_UNKNOWN,
    AC_PIECE_CONTROL,
    AC_PIECE_USER_DEFINED,
    AC_PIECE_UNUSED,
    AC_PIECE_BYTE
} ac_piece_kind;

/** Starts zeroed. Immutable once made: shared by threads. */
typedef struct ac_unigram {
    ac_texts pieces;  /* by id */
    float *scores;    /* [pieces] */
    uint8_t *kinds;   /* [pieces] */
    int32_t *by_text; /* open addressing over pieces that may stand in a text; -1: free */
    int64_t by_text_mask;
    size_t longest; /* bytes of the longest of them */
    int32_t unknown;
    float unknown_score;
    uint32_t *trie; /* [trie_units] double array of the normalisation's rules */
    int64_t trie_units;
    char *replacements; /* [replacement_bytes] zero-terminated texts, one behind the other */
    int64_t replacement_bytes;
} ac_unigram;

/**
 * Shapes: scores, kinds [pieces->count], copied. charsmap: normalizer_spec's
 * precompiled_charsmap.
 * @return AC_E_FORMAT for pieces of a kind that is not supported, a missing unknown piece, a
 *         table that is damaged
 */
AC_MUST_CHECK ac_status ac_unigram_init(ac_unigram *self, const ac_texts *pieces,
                                        const float *scores, const uint8_t *kinds,
                                        const char *charsmap, size_t charsmap_bytes);
void ac_unigram_free(ac_unigram *self);

/** The id of a piece's text, of any kind; -1: none. */
int32_t ac_unigram_find(const ac_unigram *self, const char *text, size_t n);

/** Ids of a growing list. */
typedef struct ac_piece_ids {
    int32_t *ids;
    int64_t count, capacity;
} ac_piece_ids;

/** The text's pieces, appended; a run of unknown ones is one. The text is valid UTF-8. */
AC_MUST_CHECK ac_status ac_unigram_encode(const ac_unigram *self, const char *text, size_t n,
                                          ac_piece_ids *out);

#endif
