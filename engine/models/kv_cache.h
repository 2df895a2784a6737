/**
 * Keys and values of the sequences being decoded, of any model. A slot is one line of decoding
 * (a beam, a sample) and has place, layer by layer, for a key and a value per position. A line
 * that continues another does not copy them: for each slot and position `ancestry` names the
 * slot that holds the key and the value. Beams that change parents, samples that diverge, and
 * prompts that begin alike all do so by copying rows of this small table.
 */
#ifndef AC_MODELS_KV_CACHE_H
#define AC_MODELS_KV_CACHE_H

#include <stdbool.h>

#include "engine/base/memory.h"

/** One token that a decoder reads. */
typedef struct ac_decoder_row {
    int32_t token;
    int32_t slot;     /* where its key and value go */
    int32_t input;    /* which of the encoder inputs it attends to; 0 without an encoder */
    int32_t position; /* ancestry[slot][0 .. position) is set, by earlier rows or by a fork */
    bool wants_logits;
} ac_decoder_row;

/** Usable when zeroed. */
typedef struct ac_kv_cache {
    int64_t layers, slots, positions, width; /* width: floats of one key, key heads × D */
    float *keys, *values;                    /* [layers, slots, positions, width] */
    int32_t *ancestry;                       /* [slots, positions] */
} ac_kv_cache;

/** AC_E_NOMEM. Memory: 2 × layers × slots × positions × width floats. */
AC_MUST_CHECK ac_status ac_kv_cache_init(ac_kv_cache *self, int64_t layers, int64_t slots,
                                         int64_t positions, int64_t width);
void ac_kv_cache_free(ac_kv_cache *self);

/** The rows of this step are their own ancestors. Before the first layer. */
void ac_kv_cache_enter(ac_kv_cache *self, const ac_decoder_row *rows, int64_t R);

/** Store a layer's keys and values of R rows. Shapes: keys, values [R, width], a row every
 * `stride` floats. */
void ac_kv_cache_store(ac_kv_cache *self, int64_t layer, const float *keys, const float *values,
                       int64_t stride, const ac_decoder_row *rows, int64_t R);

size_t ac_kv_cache_attend_scratch_bytes(int64_t positions);

/** What a layer's attention is like. */
typedef struct ac_kv_attention {
    int64_t H, D;   /* query heads, a multiple of the width / D key heads; a head's size */
    float scale;    /* each score is multiplied by it */
    int64_t window; /* a row attends to so many positions, its own the last; 0: to all */
} ac_kv_attention;

/**
 * Causal self-attention of R rows, each over its positions 0 … position, which are stored.
 * Shapes: y [R, H, D], dense; q [R, H, D], a row every `stride` floats. Consecutive query heads
 * share a key head. Local. Cannot fail.
 * The bits of a row depend on its own past alone.
 */
void ac_kv_cache_attend(const ac_kv_cache *self, int64_t layer, float *y, const float *q,
                        int64_t stride, const ac_kv_attention *attention,
                        const ac_decoder_row *rows, int64_t R, ac_scratch *scratch);

/** Slot `to` continues slot `from`: they share the first `positions` positions. */
void ac_kv_cache_fork(ac_kv_cache *self, int64_t to, int64_t from, int64_t positions);

/**
 * Slot first + i continues slot first + parents[i], for all i < n at once: they share the first
 * `positions` positions. scratch [n, positions].
 */
void ac_kv_cache_reorder(ac_kv_cache *self, int64_t first, const int32_t *parents, int64_t n,
                         int64_t positions, int32_t *scratch);

#endif
