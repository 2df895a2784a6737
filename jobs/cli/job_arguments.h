/** A job's command line, as `antarctic JOB CONFIG …` and `antarctic submit JOB
 * CONFIG …` share them. */
#ifndef AC_JOBS_CLI_JOB_ARGUMENTS_H
#define AC_JOBS_CLI_JOB_ARGUMENTS_H

#include "io/config/config.h"
#include "jobs/cli/options.h"

/** Defaults, the config file that is word `word` (if given), and each --set over it. */
AC_MUST_CHECK ac_status ac_job_config_read(ac_config *config, const ac_arguments *a, int word);

/** --run, or runs/JOB-CONFIGNAME. Free with free(). */
AC_MUST_CHECK ac_status ac_job_run_folder(char **out, const char *job, const ac_arguments *a,
                                          int word);

#endif
