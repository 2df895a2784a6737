/** The job dedupe: pairs of images (or of a cache's entries) that are nearly the same, groups
 * of them, and which to keep. */
#ifndef AC_JOBS_DEDUPE_DEDUPE_JOB_H
#define AC_JOBS_DEDUPE_DEDUPE_JOB_H

#include "jobs/runtime/job.h"

extern const ac_job ac_job_dedupe;

#endif
