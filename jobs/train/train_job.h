/** The job train. */
#ifndef AC_JOBS_TRAIN_TRAIN_JOB_H
#define AC_JOBS_TRAIN_TRAIN_JOB_H

#include "jobs/runtime/job.h"

extern const ac_job ac_job_train;

#endif
