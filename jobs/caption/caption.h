/** The jobs that caption images, or stop after a part of it. */
#ifndef AC_JOBS_CAPTION_CAPTION_H
#define AC_JOBS_CAPTION_CAPTION_H

#include "jobs/runtime/job.h"

extern const ac_job ac_job_embed_images, ac_job_tag, ac_job_caption;

#endif
