/** Exact search over an archive: blocks of queries, each rank with its slice of the rows. */
#ifndef AC_JOBS_SEARCH_SEARCH_H
#define AC_JOBS_SEARCH_SEARCH_H

#include "engine/comm/comm.h"
#include "engine/retrieval/topk.h"
#include "jobs/search/queries.h"

/** Starts zeroed. */
typedef struct ac_search {
    const ac_comm *comm; /* NULL: this process alone, without MPI */
    ac_archive *archive;
    int64_t wanted, k; /* results per query; searched for: one more, the key itself */
    float least;       /* results with a lower score are left out */
    ac_topk_index index;
    ac_queries queries; /* rank 0's; the vectors on all ranks */
    int64_t *ids, *merged_ids;
    float *scores, *merged_scores; /* [capacity] */
    int64_t capacity;
} ac_search;

/** Collective over comm. This rank's slice of the rows is read and made into an index.
 * Afterwards archive->embeddings holds it.
 * @param[in] queries  how many a block will bring; 0: many
 * @param[in] once     no other block follows: what making an index takes counts */
AC_MUST_CHECK ac_status ac_search_init_all(ac_search *self, const ac_comm *comm,
                                           ac_archive *archive, int64_t k, float least,
                                           int64_t queries, bool once);
void ac_search_free(ac_search *self);

/** How many queries make a block: no result depends on it. */
int64_t ac_search_block(const ac_search *self);

/**
 * Collective over comm. Search for rank 0's queries, whose vectors are made but those of keys.
 * @param[in] st     rank 0: how making them went
 * @param[out] more  rank 0 has queries in this block; false on all ranks ends a search
 */
AC_MUST_CHECK ac_status ac_search_block_all(ac_search *self, ac_status st, bool *more);

/** Rank 0: result j of query i; false: there are no more. A key does not find itself. */
bool ac_search_result(const ac_search *self, int64_t i, int64_t j, int64_t *row, float *score);

#endif
