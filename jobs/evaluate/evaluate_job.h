/** The row of the job evaluate: captions + references, images -> scores. */
#ifndef AC_JOBS_EVALUATE_EVALUATE_JOB_H
#define AC_JOBS_EVALUATE_EVALUATE_JOB_H

#include "jobs/runtime/job.h"

extern const ac_job ac_job_evaluate;

#endif
