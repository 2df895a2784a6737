/** The help of jobs: what they need, an example, exit codes. */
#ifndef AC_JOBS_CLI_HELP_H
#define AC_JOBS_CLI_HELP_H

#include "jobs/cli/options.h"
#include "jobs/runtime/job.h"

void ac_job_help(FILE *f, const ac_job *job, const ac_option *options);

#endif
