/** A batch script for a job, as submit writes it into the run folder. */
#ifndef AC_JOBS_CLI_COMMANDS_SUBMIT_SCRIPT_H
#define AC_JOBS_CLI_COMMANDS_SUBMIT_SCRIPT_H

#include "engine/base/buffer.h"
#include "io/config/config.h"
#include "jobs/cli/commands/slurm_queries.h"
#include "jobs/cli/options.h"
#include "jobs/runtime/job.h"
#include "jobs/runtime/sizing.h"

/** What is asked for and what the nodes have. */
typedef struct ac_submit_request {
    const ac_arguments *a;
    const ac_job *job;
    ac_config config;
    char *config_path, *run, *program; /* absolute; owned */
    int64_t nodes, ranks, threads, array;
    int64_t cores, memory; /* of a node, or of limits.memory; memory in bytes, INT64_MAX: not
                            * known */
    char memory_from[200]; /* what allows no more memory */
    ac_slurm_nodes slurm;
    ac_sizing sizing;
    int64_t needed, asked; /* bytes per node: by the estimate, and to ask Slurm for */
    char dependency[128];
} ac_submit_request;

/** Which of the scripts. */
typedef enum ac_submit_part {
    AC_SUBMIT_WHOLE, /* one job for all shards */
    AC_SUBMIT_PARTS, /* an array: one task per part */
    AC_SUBMIT_END    /* the last job of an array */
} ac_submit_part;

/** The script's text, appended to out; it will stand as RUN/name. AC_E_ARG where a batch script
 * cannot say what it must: the message names the path and the character. Writes nothing. */
AC_MUST_CHECK ac_status ac_submit_script_make(ac_buffer *out, const ac_submit_request *request,
                                              const char *name, ac_submit_part part);

/** Write it as RUN/name. A script that is there and differs is kept as name.before. */
AC_MUST_CHECK ac_status ac_submit_script_write(const ac_buffer *text,
                                               const ac_submit_request *request,
                                               const char *name);

#endif
