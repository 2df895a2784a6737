/** The help of jobs: what they need, an example, exit codes. */
#ifndef AC_JOBS_CLI_HELP_H
#define AC_JOBS_CLI_HELP_H

#include "jobs/cli/options.h"

void ac_job_help(FILE *f, const char *name, const char *what, const ac_option *options);

#endif
