/** A job of this program in a process of its own, in a folder that is removed afterwards: work
 * that is done for its time or its bytes, not for its results. */
#ifndef AC_JOBS_CLI_COMMANDS_JOB_PROCESS_H
#define AC_JOBS_CLI_COMMANDS_JOB_PROCESS_H

#include "engine/base/buffer.h"

/** A new folder TMPDIR/antarctic-WHAT-…. free with free(), after ac_job_folder_remove. */
AC_MUST_CHECK ac_status ac_job_folder_make(char **folder, const char *what);

/** NULL: nothing is done. */
void ac_job_folder_remove(const char *folder);

/**
 * This program with these words (argv, of which the first is filled in here; ends with NULL).
 * What it says goes to the file `log`. After `seconds` (0: never) it is ended.
 * @param[out] code  its exit code; -1: ended by a signal, or by its time
 * @param[out] said  where the code is not 0: the last line that it said
 */
AC_MUST_CHECK ac_status ac_job_process_run(char **words, const char *log, double seconds,
                                           int *code, ac_buffer *said);

#endif
