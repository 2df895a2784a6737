/** A job's command line, as `antarctic JOB CONFIG …` and `antarctic submit JOB
 * CONFIG …` share them. */
#ifndef AC_JOBS_CLI_JOB_ARGUMENTS_H
#define AC_JOBS_CLI_JOB_ARGUMENTS_H

#include "io/config/config.h"
#include "jobs/cli/options.h"
#include "jobs/runtime/job.h"

/** Defaults, the config file that is word `word` (if given), and each --set over it. */
AC_MUST_CHECK ac_status ac_job_config_read(ac_config *config, const ac_arguments *a, int word);

/** --run (or what is short for it), or runs/JOB-CONFIGNAME. Free with free(). */
AC_MUST_CHECK ac_status ac_job_run_folder(char **out, const ac_job *job, const ac_arguments *a,
                                          int word);

/**
 * The value of the key job->word among the words, which is taken out of them: then the config
 * is the only word left. NULL: none was given.
 */
AC_MUST_CHECK ac_status ac_job_word_take(const char **value, const ac_job *job,
                                         ac_arguments *a);

/** Set what the word (NULL: none) and the job's short forms stand for, over what the config and
 * --set say. */
AC_MUST_CHECK ac_status ac_job_short_apply(ac_config *config, const ac_job *job,
                                           const ac_arguments *a, const char *word);

/** --update and --dry-run: config->update. AC_E_ARG, with the reason and what to do instead,
 * where the job or this start of it takes none. */
AC_MUST_CHECK ac_status ac_job_update_read(ac_config *config, const ac_arguments *a,
                                           const ac_job *job);

/** The same of --update alone, where --dry-run means something else (submit). */
AC_MUST_CHECK ac_status ac_job_update_word(ac_config *config, const char *by,
                                           const ac_job *job);

/** --sample N: config->sample. AC_E_ARG where the job takes none, or an update was asked for.
 */
AC_MUST_CHECK ac_status ac_job_sample_read(ac_config *config, const ac_arguments *a,
                                           const ac_job *job);

/** AC_E_ARG: an update is one job's work. parts: of the run, which are too many. */
AC_MUST_CHECK ac_status ac_job_update_refuse_parts(const char *given, int64_t parts);

#endif
