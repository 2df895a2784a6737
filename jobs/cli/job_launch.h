/** A job from its command line to its exit code: config, MPI, run folder, log. */
#ifndef AC_JOBS_CLI_JOB_LAUNCH_H
#define AC_JOBS_CLI_JOB_LAUNCH_H

#include "jobs/runtime/job.h"

/** Starts and ends MPI. argv[0] is the job's name. Returns the exit code; errors are printed.
 */
int ac_job_launch(const ac_job *job, int argc, char **argv);

#endif
