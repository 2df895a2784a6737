/**
 * Exact top-k by inner product. Definition (ac_topk_ref): a score is the dot product accumulated in double in index order,
 * rounded once to float; best first, ties: lower id; past the end: id -1, score -inf.
 */
#ifndef AC_ENGINE_RETRIEVAL_TOPK_H
#define AC_ENGINE_RETRIEVAL_TOPK_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/status.h"

/** A slice of a cache: entries [first, first + n). Borrows the embeddings. */
typedef struct ac_topk_index {
    const float *embeddings; /* [n, D] */
    float *norms;            /* [n], owned */
    int64_t n, D, first;
} ac_topk_index;

/** Every number finite? @param[out] bad_row  the first row with one that is not */
bool ac_embeddings_check(const float *x, int64_t n, int64_t D, int64_t *bad_row);

ac_status ac_topk_index_init(ac_topk_index *self, const float *embeddings, int64_t n, int64_t D, int64_t first);
void ac_topk_index_free(ac_topk_index *self);

/**
 * Shapes: queries [nq, D]; ids, scores [nq, k]. Local.
 * A scan by fp32 matrix products keeps every entry that could be among the best: an fp32 dot product of D terms is off by at
 * most D 2^-23 |q| |c| in any order of summation, so an entry whose scanned score lies more than twice that below the k-th
 * best is out. The others get their exact score. The result does not depend on threads or blocks.
 */
ac_status ac_topk_search(const ac_topk_index *self, const float *queries, int64_t nq, int64_t k, int64_t *ids, float *scores);

/** The definition, entry by entry. */
ac_status ac_topk_ref(const float *embeddings, int64_t n, int64_t D, int64_t first, const float *queries, int64_t nq, int64_t k,
                      int64_t *ids, float *scores);

#endif
