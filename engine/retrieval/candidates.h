/**
 * The entries that can still be among a query's best k. Private to engine/retrieval.
 *
 * Each candidate has a proven interval [lower, upper] for its score. The k-th largest lower
 * bound is the threshold: what lies below it with its upper bound is out. When the buffer is
 * full it is pruned, and what remains gets the bounds of single precision, which raises the
 * threshold; when that does not help (near-ties), the scores are computed and the best k stay.
 * So memory is bounded, whatever the data.
 */
#ifndef AC_ENGINE_RETRIEVAL_CANDIDATES_H
#define AC_ENGINE_RETRIEVAL_CANDIDATES_H

#include <stdbool.h>
#include <stdint.h>

typedef struct ac_topk_candidate {
    double lower, upper; /* equal: this is the score itself */
    int64_t at;          /* row of the index */
    bool narrowed;       /* the bounds are those of single precision (narrow.h) */
} ac_topk_candidate;

/** What scores are computed from. Views. */
typedef struct ac_candidate_source {
    const float *query;      /* [D] */
    const float *embeddings; /* [n, D] */
    int64_t D;
} ac_candidate_source;

/** Items are the caller's memory, [capacity]. */
typedef struct ac_candidates {
    ac_topk_candidate *items;
    int64_t count, capacity, k;
    int64_t scored;   /* scores computed so far */
    double threshold; /* the k-th best score is at least this; -INFINITY at first */
} ac_candidates;

/** A capacity for k that leaves pruning something to do. */
int64_t ac_candidates_capacity(int64_t k);

void ac_candidates_reset(ac_candidates *self, ac_topk_candidate *items, int64_t capacity,
                         int64_t k);

/** Take one in; `source` serves where the buffer is full. An upper bound that is not a number
 * counts as infinite. */
void ac_candidates_push(ac_candidates *self, const ac_candidate_source *source, double lower,
                        double upper, int64_t at);

/** The same of one that another buffer has. */
void ac_candidates_add(ac_candidates *self, const ac_candidate_source *source,
                       const ac_topk_candidate *item);

/** Raise the threshold to the k-th largest lower bound (if there are k), and drop what lies
 * below it. */
void ac_candidates_prune(ac_candidates *self);

/** Compute every score that is still open and can matter, keep the best k, and sort them: best
 * first, ties lower row first. */
void ac_candidates_settle(ac_candidates *self, const ac_candidate_source *source);

#endif
