/** The job story: a causal language model continues captions. */
#ifndef AC_JOBS_STORY_STORY_JOB_H
#define AC_JOBS_STORY_STORY_JOB_H

#include "jobs/runtime/job.h"

extern const ac_job ac_job_story;

#endif
