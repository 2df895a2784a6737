/** Token ids of cache entries, as the text tower takes them. */
#ifndef AC_JOBS_CACHE_TOKENS_H
#define AC_JOBS_CACHE_TOKENS_H

#include "cache_builder/prefix_order.h"
#include "engine/base/buffer.h"
#include "engine/comm/comm.h"
#include "jobs/models/clip_model.h"
#include "jobs/runtime/run.h"

/** The order of embedding, and what it saves. Starts zeroed. */
typedef struct ac_entry_plan {
    int64_t *order; /* [entries]: their numbers sorted by token ids, then by number */
    int64_t cut;    /* entries longer than the context */
    int64_t positions, positions_alone,
        positions_padded; /* in the tree; each entry at its own length; padded to the context */
} ac_entry_plan;

/**
 * Collective. Ranks share the tokenizing, rank 0 sorts. The plan depends on the entries, which
 * of them are quarantined, the prefix and output.shard_items alone, the number of entries (in
 * the plan's order) that are embedded together.
 */
AC_MUST_CHECK ac_status ac_entry_plan_all(ac_entry_plan *self, ac_run *run,
                                          const ac_clip_model *clip, const ac_texts *entries,
                                          const char *prefix);
void ac_entry_plan_free(ac_entry_plan *self);

/**
 * Local. Entries order[first] … order[first + n - 1] (order NULL: first …) with the prefix in
 * front, tokenized, cut to the context and then after the token that stands for the text;
 * replaces `out`. A quarantined entry counts as an empty one. Without an order
 * run->inflight tells which are begun.
 * @param[out] cut  incremented by the number that were longer than the context
 */
AC_MUST_CHECK ac_status ac_entry_tokens(ac_run *run, const ac_clip_model *clip,
                                        const ac_texts *entries, const int64_t *order,
                                        int64_t first, int64_t n, const char *prefix,
                                        ac_token_lists *out, int64_t *cut);

/* What bounds the memory of the text tower: the nodes of one prefix tree, and the entries
 * embedded together where there is no tree (SigLIP). */
enum { AC_ENTRY_TREE_NODES = 4096, AC_ENTRY_BATCH = 64 };

#endif
