/**
 * Every pair of vectors whose score reaches a threshold: exact, in blocks. A scan of int8 with
 * a proven bound passes over what cannot reach it, and what is left gets the score proper
 * (docs/adr/0501-exact-search.md), so that the result is the definition's, whatever the kernel,
 * the blocks and the threads. Cost: n² / 2 products of width D.
 */
#ifndef AC_ENGINE_RETRIEVAL_PAIRS_H
#define AC_ENGINE_RETRIEVAL_PAIRS_H

#include "engine/retrieval/index.h"

/** Rows a < b, and their score. */
typedef struct ac_pair {
    int64_t a, b;
    float score;
} ac_pair;

/** Starts zeroed; owns its memory. */
typedef struct ac_pair_list {
    ac_pair *items;
    int64_t count, capacity;
} ac_pair_list;

void ac_pair_list_free(ac_pair_list *self);

struct ac_pairs_scratch;

/** Starts zeroed. */
typedef struct ac_pairs {
    ac_topk_index index; /* borrows the embeddings */
    float threshold;
    struct ac_pairs_scratch *scratch;
} ac_pairs;

enum { AC_PAIRS_ROWS = 512 }; /* as many are looked at in one call at most */

/** Shapes: embeddings [n, D], finite, borrowed until ac_pairs_free. Local; runs on OpenMP's
 * threads. threshold: rounded to float, as scores are, so that a score that was written is a
 * threshold that its own pair reaches. */
AC_MUST_CHECK ac_status ac_pairs_init(ac_pairs *self, const float *embeddings, int64_t n,
                                      int64_t D, double threshold);
void ac_pairs_free(ac_pairs *self);

/** "int8 amx": what scans. */
const char *ac_pairs_scan(const ac_pairs *self);

/**
 * Pairs with a in [first, first + rows), rows <= AC_PAIRS_ROWS, and any b > a, appended in
 * order of a, then b. Local; runs on OpenMP's threads.
 * @param[in] most  AC_E_LIMIT where out would hold more; its content is undefined then
 */
AC_MUST_CHECK ac_status ac_pairs_find(ac_pairs *self, int64_t first, int64_t rows, int64_t most,
                                      ac_pair_list *out);

#endif
