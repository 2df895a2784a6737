/**
 * The stage of the job dedupe: rows of an archive -> shards of pairs (io/hdf5/schema.h).
 *
 * A row is compared with those behind it, so that the first have the most to do. A shard's
 * items are therefore taken half from the front and half from the back: each costs the same.
 */
#ifndef AC_JOBS_DEDUPE_STAGE_H
#define AC_JOBS_DEDUPE_STAGE_H

#include "engine/retrieval/pairs.h"
#include "jobs/runtime/stage.h"
#include "jobs/search/archive.h"

extern const ac_stage_type ac_stage_pairs;

enum { AC_DEDUPE_MOST_PAIRS = 10000000 }; /* without dedupe.all */

/** The context of ac_stage_pairs. Borrows the embeddings. */
typedef struct ac_dedupe_work {
    const float *embeddings; /* [n, D] */
    int64_t n, D;
    double threshold;
    bool all;       /* any number of pairs */
    ac_pairs pairs; /* the stage's own */
    ac_pair_list found;
} ac_dedupe_work;

/** AC_E_ARG: more pairs than are written unasked. */
AC_MUST_CHECK ac_status ac_dedupe_too_many(double threshold);

/** Pairs of a finished shard, in order of a, then b: first those whose a is below n / 2.
 * Replaces what out held. */
AC_MUST_CHECK ac_status ac_dedupe_read_shard(const ac_run *run, int64_t shard,
                                             ac_pair_list *out);
/** How many it holds. */
AC_MUST_CHECK ac_status ac_dedupe_count_shard(const ac_run *run, int64_t shard, int64_t *count);

#endif
