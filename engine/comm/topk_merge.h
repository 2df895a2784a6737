/** Merging the ranks' top-k lists. */
#ifndef AC_ENGINE_COMM_TOPK_MERGE_H
#define AC_ENGINE_COMM_TOPK_MERGE_H

#include "engine/comm/comm.h"

/**
 * Collective. Each rank's lists, best first (ties: lower id), absent entries id -1 and score
 * -inf, become the lists of all. Shapes: ids, scores, out_ids, out_scores [nq, k]; nq and k the
 * same on all ranks. The result is on all ranks.
 */
AC_MUST_CHECK ac_status ac_topk_merge_all(const ac_comm *comm, int64_t nq, int64_t k,
                                          const int64_t *ids, const float *scores,
                                          int64_t *out_ids, float *out_scores);

#endif
