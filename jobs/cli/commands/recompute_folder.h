/** A copy of a run folder in which some shards are missing, and the run's job at work there. */
#ifndef AC_JOBS_CLI_COMMANDS_RECOMPUTE_FOLDER_H
#define AC_JOBS_CLI_COMMANDS_RECOMPUTE_FOLDER_H

#include "engine/base/buffer.h"
#include "jobs/runtime/run_view.h"

/**
 * A new folder in TMPDIR with the run's config, manifest and journals, and links to its shards
 * but those that are missing [shard_count]. Results that the merge writes are not there.
 * @param[out] folder  free with free(), after ac_job_folder_remove
 */
AC_MUST_CHECK ac_status ac_recompute_folder_make(char **folder, const ac_run_view *run,
                                                 const bool *missing);

/** The job on that folder, in a process of its own. @param[out] said  the last line that it
 * said */
AC_MUST_CHECK ac_status ac_recompute_folder_run(const char *folder, const char *job, int *code,
                                                ac_buffer *said);

#endif
