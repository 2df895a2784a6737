/**
 * A job is a row: all that the rest of the program must know of it. Rows are constants of the
 * jobs' own folders, listed in jobs/job_table.c; a job's config keys stand in
 * io/config/config_keys.c.
 */
#ifndef AC_JOBS_RUNTIME_JOB_H
#define AC_JOBS_RUNTIME_JOB_H

#include <stdio.h>

#include "engine/comm/comm.h"
#include "io/config/config.h"
#include "jobs/runtime/lock.h"
#include "jobs/runtime/sizing.h"
#include "jobs/runtime/stage_type.h"

/**
 * Collective over comm. Works in the run folder `folder`, which is locked. What else a job
 * locks goes on the list `locks`, for the watchdog to renew.
 */
typedef ac_status (*ac_job_run)(const ac_comm *comm, const ac_config *config,
                                const char *folder, ac_locks *locks);

/** Collective. What `--update` would do to the run in `folder`, which is not locked: rank 0
 * prints it to `out`. */
typedef ac_status (*ac_job_preview)(const ac_comm *comm, const ac_config *config,
                                    const char *folder, FILE *out);

/** What report.html shows of a finished run. */
typedef enum ac_report_kind {
    AC_REPORT_NONE = 0, /* there is no report */
    AC_REPORT_GALLERY,  /* images with what the run found for them */
    AC_REPORT_TRAINING, /* losses, and captions before and after */
    AC_REPORT_STORIES,  /* captions, and the stories that continue them */
    AC_REPORT_SCORES    /* scores of captions */
} ac_report_kind;

/** An option of a job that is short for --set KEY=VALUE, or for --run. */
typedef struct ac_short_form {
    const char *option, *argument; /* "out", "DATASET"; argument NULL: sets it to true */
    const char *key;               /* NULL: --run */
    const char *help;
} ac_short_form;

typedef struct ac_job {
    const char *name;                   /* the sub-command: "caption" */
    const char *summary;                /* what it makes of what, for the help */
    const ac_stage_type *const *stages; /* in order; NULL at the end */
    bool parts; /* runs that share a folder may each do a part of its shards (submit --array) */
    ac_report_kind report;
    ac_job_run run;
    ac_job_preview preview; /* NULL: its runs cannot be updated, */
    const char *no_update;  /* for this reason */
    /* A word that does not end in .yaml or .yml is this key's value; NULL: there is no such. */
    const char *word;
    const char *usage;                /* where it has one: "SOURCE --out DATASET" */
    const ac_short_form *short_forms; /* option NULL at the end; NULL: there are none */
    /* The short form that takes words which are no config too, as a shell's ref*.txt; NULL:
     * none does. */
    const char *several;
    bool no_products; /* it multiplies no matrices: OpenBLAS need not know the CPU */
    ac_job_size size; /* its need of a node's memory, for submit; NULL: only the program's */
} ac_job;

#endif
