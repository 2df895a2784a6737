/** The jobs of this program. */
#ifndef AC_JOBS_JOB_TABLE_H
#define AC_JOBS_JOB_TABLE_H

#include "jobs/runtime/job.h"

/** In the order in which the help names them; NULL at the end. */
extern const ac_job *const ac_job_table[];

/** The row of this name; NULL: there is none. */
const ac_job *ac_job_find(const char *name);

#endif
