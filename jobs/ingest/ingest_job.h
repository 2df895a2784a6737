/** The job ingest: a source of images becomes an image dataset. */
#ifndef AC_JOBS_INGEST_INGEST_JOB_H
#define AC_JOBS_INGEST_INGEST_JOB_H

#include "jobs/runtime/job.h"

extern const ac_job ac_job_ingest;

#endif
