/** The jobs that make a cache, or let it grow. */
#ifndef AC_JOBS_CACHE_CACHE_JOBS_H
#define AC_JOBS_CACHE_CACHE_JOBS_H

#include "jobs/runtime/job.h"

extern const ac_job ac_job_build_cache, ac_job_extend_cache;

#endif
