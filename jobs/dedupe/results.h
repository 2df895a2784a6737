/** From pairs to what people read: pairs.jsonl, groups.jsonl, kept.txt. Rank 0. */
#ifndef AC_JOBS_DEDUPE_RESULTS_H
#define AC_JOBS_DEDUPE_RESULTS_H

#include "jobs/dedupe/stage.h"

/** Starts zeroed. */
typedef struct ac_dedupe_results {
    const ac_run *run;
    ac_archive *archive;
    int64_t *parents; /* [n]: a forest, whose trees are the groups */
    int64_t *pixels;  /* [n]: of the images in groups; 0: not known */
    int64_t pairs, groups, dropped;
} ac_dedupe_results;

/** Write the run's files. */
AC_MUST_CHECK ac_status ac_dedupe_results_write(ac_dedupe_results *self);
void ac_dedupe_results_free(ac_dedupe_results *self);

#endif
