/** How long a job will take: measured on a sample of its images, here. */
#ifndef AC_JOBS_CLI_COMMANDS_SUBMIT_ESTIMATE_H
#define AC_JOBS_CLI_COMMANDS_SUBMIT_ESTIMATE_H

#include "jobs/cli/commands/submit_script.h"

enum { AC_ESTIMATE_ITEMS = 64, AC_ESTIMATE_SECONDS = 60 };

/**
 * Runs the job on two samples of together `items` images (0: none is run), at most
 * AC_ESTIMATE_SECONDS, and prints node-hours with a range. Where there is no estimate the line
 * says why; that is no failure.
 */
AC_MUST_CHECK ac_status ac_submit_estimate(const ac_submit_request *request, int64_t items);

#endif
