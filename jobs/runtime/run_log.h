/**
 * What rank 0 prints, and RUN/log.txt: the same lines with time stamps, a header at each start,
 * appended by each resume. A sink for ac_log. Progress that a terminal shows as one moving line
 * comes as AC_LOG_DEBUG lines, for the file alone.
 */
#ifndef AC_JOBS_RUNTIME_RUN_LOG_H
#define AC_JOBS_RUNTIME_RUN_LOG_H

#include <stdbool.h>
#include <stdio.h>

#include "engine/base/buffer.h"
#include "engine/base/log.h"

/** Starts zeroed. folder: borrowed; NULL: no file (the other ranks). */
typedef struct ac_run_log {
    const char *folder;
    FILE *file;
    ac_buffer waiting; /* lines from before the run folder was there */
    bool terminal;
} ac_run_log;

/** The header ("job, version, ranks, host, command") is the first line, stamped. */
void ac_run_log_init(ac_run_log *self, const char *folder, const char *header);

/** An ac_log_sink; context: the ac_run_log. Prints to stderr and keeps the line. A file that
 * cannot be written stops no run. */
void ac_run_log_line(void *context, ac_log_level level, const char *line);

/** Lines that wait are written where the folder is there by now, and dropped with it where the
 * run never made one. */
void ac_run_log_close(ac_run_log *self);

#endif
