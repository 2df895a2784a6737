/** A search in progress: a block of queries, and what each thread keeps. Private to topk.c. */
#ifndef AC_ENGINE_RETRIEVAL_TOPK_BLOCK_H
#define AC_ENGINE_RETRIEVAL_TOPK_BLOCK_H

#include "engine/retrieval/candidates.h"
#include "engine/retrieval/scan.h"

enum { AC_TOPK_WAITING = 64 }; /* entries whose lower bits are fetched together */

/* Whether a thread uses the coarse stage: not while there are no thresholds, nor where it rules
 * too little out. The result does not depend on it. */
typedef struct ac_topk_coarse_state {
    int64_t looked_at, kept; /* pairs of entry and query in this chunk */
    int rest;                /* chunks to go without it */
} ac_topk_coarse_state;

/* An entry that the upper bits of int6 could not rule out; its lower ones are on their way. */
typedef struct ac_topk_waiting_entry {
    int64_t r, at;
    int32_t upper; /* of tile's out */
} ac_topk_waiting_entry;

/* One thread's memory. */
typedef struct ac_topk_worker {
    ac_candidates *found; /* [block] */
    float
        *limits; /* [block]: upper bounds below it (without base and constant) cannot matter */
    ac_topk_candidate *items; /* [block, capacity] */
    unsigned char *tile;      /* an expanded group */
    float *scanned;           /* [6, 16] */
    int32_t *sums;            /* [32, 32], or [2, 6, 16]: of two groups */
    ac_topk_coarse_state coarse;
    ac_topk_waiting_entry waiting[AC_TOPK_WAITING];
    int waits;
} ac_topk_worker;

/* A block of queries in search. */
typedef struct ac_topk_block {
    const ac_topk_index *index;
    const ac_scan_query *queries; /* [rows] */
    const ac_scan_coarse *coarse; /* NULL: no such stage */
    const unsigned char *panels, *coarse_panels;
    const int8_t *amx_panels; /* NULL: not with AMX */
    double *thresholds;       /* [rows]: the best that any thread has made known */
    int64_t rows, k;          /* k: of the search, at most n */
    bool direct, two;         /* from packed groups; two of them together */
} ac_topk_block;

#endif
