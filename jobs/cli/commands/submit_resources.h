/** What submit asks Slurm for: how many ranks and threads, how much memory. */
#ifndef AC_JOBS_CLI_COMMANDS_SUBMIT_RESOURCES_H
#define AC_JOBS_CLI_COMMANDS_SUBMIT_RESOURCES_H

#include "jobs/cli/commands/submit_script.h"

/**
 * Fill in ranks, threads, cores, memory, sizing, needed and asked, from what the nodes have,
 * what the job needs, limits.memory and --ranks-per-node; and print them with what limits them.
 * AC_E_ARG or AC_E_LIMIT where the nodes cannot hold it.
 */
AC_MUST_CHECK ac_status ac_submit_resources_find(ac_submit_request *self);

#endif
