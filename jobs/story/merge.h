/** What people and tools read of a run of story: stories.jsonl, keys.txt, bad_items.jsonl. */
#ifndef AC_JOBS_STORY_MERGE_H
#define AC_JOBS_STORY_MERGE_H

#include "jobs/runtime/run.h"

/** Local, rank 0: from the shards, in the order of the items. */
AC_MUST_CHECK ac_status ac_story_merge(const ac_run *run);

#endif
