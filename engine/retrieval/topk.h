/**
 * Exact top-k by inner product. Definition (ac_topk_ref): a score is the dot product
 * accumulated in double in index order, rounded once to float; best first, ties: lower id; past
 * the end: id -1, score -inf.
 *
 * The search takes two steps. A cheap scan gives each entry an approximate score with a proven
 * bound of its error, and every entry whose score could be among the best k remains; these get
 * the score proper. So the result is the definition's, whatever the scan, the batch of queries,
 * the threads and the partition of the cache (docs/adr/0501-exact-search.md).
 */
#ifndef AC_ENGINE_RETRIEVAL_TOPK_H
#define AC_ENGINE_RETRIEVAL_TOPK_H

#include "engine/retrieval/index.h"

/**
 * Shapes: embeddings [n, D], finite, borrowed until ac_topk_index_free. Local; runs on OpenMP's
 * threads.
 * @param[in] scan   AC_SCAN_AUTO: the fastest on this machine and these entries, found by
 * searching a sample; no result depends on it
 * @param[in] batch  how many queries a search will bring (for the measurement alone); 0: many
 * @return AC_E_LIMIT where D is beyond AC_TOPK_MAX_DIMENSION
 */
AC_MUST_CHECK ac_status ac_topk_index_init(ac_topk_index *self, const float *embeddings,
                                           int64_t n, int64_t D, int64_t first, ac_scan scan,
                                           int64_t batch);

/** The scan that reads the fewest bytes at the speed of memory, for searches of up to
 * AC_TOPK_FEW queries: int6 where this CPU has a kernel of it, else int8. */
enum { AC_TOPK_FEW = 3 };
ac_scan ac_topk_scan_of_few(void);

/**
 * Shapes: queries [nq, D], finite; ids, scores [nq, k]. Local; runs on OpenMP's threads.
 * No [nq, n] matrix is formed: memory is bounded by the threads, a block of queries, and k.
 * @param[out] scored  if not NULL: how many scores proper were computed
 */
AC_MUST_CHECK ac_status ac_topk_search(const ac_topk_index *self, const float *queries,
                                       int64_t nq, int64_t k, int64_t *ids, float *scores,
                                       int64_t *scored);

/** The definition, entry by entry. */
AC_MUST_CHECK ac_status ac_topk_ref(const float *embeddings, int64_t n, int64_t D,
                                    int64_t first, const float *queries, int64_t nq, int64_t k,
                                    int64_t *ids, float *scores);

#endif
