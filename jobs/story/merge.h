/** What people and tools read of a run of story: stories.jsonl, keys.txt, bad_items.jsonl. */
#ifndef AC_JOBS_STORY_MERGE_H
#define AC_JOBS_STORY_MERGE_H

#include "jobs/models/causal_model.h"
#include "jobs/runtime/run.h"

/** Of all of a run's stories. */
typedef struct ac_story_counts {
    int64_t stories, ends[AC_CAUSAL_ENDS]; /* why they ended */
    int64_t truncated;                     /* prompts */
    int64_t unsaid; /* shards of an older version, which do not say how many were truncated */
} ac_story_counts;

/** Local, rank 0: from the shards, in the order of the items. */
AC_MUST_CHECK ac_status ac_story_merge(const ac_run *run, ac_story_counts *counts);

#endif
