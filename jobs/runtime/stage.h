/**
 * A stage of a run at work. One loop serves all stages: a rank gets a shard (stage_type.h:
 * how), computes it, publishes it, writes that into its journal, and goes to the next. Shards
 * that are done are passed over. After a failure neither this rank nor any other gets another
 * shard; what is in work elsewhere is finished, and counts.
 */
#ifndef AC_JOBS_RUNTIME_STAGE_H
#define AC_JOBS_RUNTIME_STAGE_H

#include "engine/comm/queue.h"
#include "jobs/runtime/progress.h"
#include "jobs/runtime/run.h"

/** What the functions of a row see. Usable when zeroed, by stage.c alone. */
typedef struct ac_stage {
    ac_run *run;
    const ac_stage_type *type;
    int number;    /* of the run's stages */
    int64_t *todo; /* [todo_count]: shards that are not done, the same on all ranks */
    int64_t todo_count;
    int64_t at, end; /* AC_SHARDS_RANGES: this rank's are todo[at, end), the present first;
                        AC_SHARDS_TOGETHER: the present is todo[at] */
    ac_shard_record *mine; /* [shard_count]: published by this rank */
    ac_queue queue;
    ac_progress progress;
    int64_t reported;   /* items of the shard in flight that progress counts as done */
    double last_report; /* when; on ac_progress_clock */
    char *progress_path;
    char *shard_path; /* of the present shard */
    size_t shard_path_bytes;
    int journal; /* descriptor, where journal_open: journal/RANK.jsonl */
    bool journal_open;
    double started;
} ac_stage;

/**
 * Collective over run->comm, the row being one of the run's: all shards of the stage that are
 * not done, by the row's functions.
 * @param[in,out] context  what they work with
 * @return the same on all ranks. AC_E_STOPPED where a stop left shards undone; the first
 * failure of any rank. The manifest is saved in each case.
 */
AC_MUST_CHECK ac_status ac_stage_run_all(ac_run *run, const ac_stage_type *type, void *context);

/**
 * Local, between batches: progress, and MPI for the other ranks' claims.
 * @param[in] items  items of the shard in flight that are computed so far; 0: not known
 * @return AC_E_STOPPED, once half of limits.grace_seconds has passed: the shard in flight is to
 * be dropped
 */
AC_MUST_CHECK ac_status ac_stage_tick(ac_stage *self, int64_t items);

#endif
