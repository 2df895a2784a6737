/** A run's folder as seen afterwards, or while it works: what commands on runs (report, export)
 * read. Nothing is changed. */
#ifndef AC_JOBS_RUNTIME_RUN_VIEW_H
#define AC_JOBS_RUNTIME_RUN_VIEW_H

#include <jansson.h>
#include <stdbool.h>

#include "jobs/runtime/item_walk.h"
#include "jobs/runtime/job.h"
#include "jobs/runtime/manifest.h"
#include "jobs/runtime/shard_view.h"

/** Starts zeroed. Owns everything. */
typedef struct ac_run_view {
    char *folder;
    ac_manifest manifest; /* with what the journals tell of shards not folded in yet */
    /* Rows of the manifest's stages; NULL for one that this program does not know, and at the
     * end. */
    const ac_stage_type *stages[AC_MAX_STAGES + 1];
    json_t *summary; /* summary.json; NULL where the run has none yet */
    bool done;
} ac_run_view;

/** Local. AC_E_FORMAT where `folder` is no run folder or its manifest cannot be used. jobs:
 * whose runs can be read; NULL at the end. */
AC_MUST_CHECK ac_status ac_run_view_open(ac_run_view *self, const char *folder,
                                         const ac_job *const *jobs);
void ac_run_view_close(ac_run_view *self);

/** Has the shard been through the first `stages` stages? */
bool ac_run_view_has(const ac_run_view *self, int64_t shard, int stages);

/** The AC_VIEW_… parts that a run of so many stages has. */
unsigned ac_run_view_parts(const ac_run_view *self);

/** The files of a shard that is there (ac_run_view_has) are those that were published: HDF5 may
 * crash on a damaged one. AC_E_FORMAT names the file that is not. */
AC_MUST_CHECK ac_status ac_run_view_check(const ac_run_view *self, int64_t shard);

/** The file of a stage's shard; free with free(). AC_E_FORMAT where this program does not know
 * the stage. */
AC_MUST_CHECK ac_status ac_run_view_shard_path(const ac_run_view *self, int stage,
                                               int64_t shard, char **out);

/**
 * Its items in the order of keys, as far as shards are through the first `through` stages;
 * files are compared with their checksums before they are opened.
 */
AC_MUST_CHECK ac_status ac_run_view_walk(const ac_run_view *self, ac_item_walk *walk,
                                         unsigned parts, int through, bool rows, bool rejected);

/** Images that have passed all stages, and rejected items of the first. Of an updated run they
 * are counted by walking over its items. */
AC_MUST_CHECK ac_status ac_run_view_count(const ac_run_view *self, int64_t *rows, int64_t *bad);

#endif
