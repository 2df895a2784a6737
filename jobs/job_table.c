#include "jobs/job_table.h"

#include <string.h>

#include "jobs/cache/cache_jobs.h"
#include "jobs/caption/caption.h"
#include "jobs/dedupe/dedupe_job.h"
#include "jobs/evaluate/evaluate_job.h"
#include "jobs/ingest/ingest_job.h"
#include "jobs/story/story_job.h"
#include "jobs/train/train_job.h"

const ac_job *const ac_job_table[] = {
    &ac_job_caption,     &ac_job_train,        &ac_job_tag,    &ac_job_embed_images,
    &ac_job_build_cache, &ac_job_extend_cache, &ac_job_ingest, &ac_job_story,
    &ac_job_evaluate,    &ac_job_dedupe,       NULL,
};

const ac_job *
ac_job_find(const char *name)
{
    for (const ac_job *const *job = ac_job_table; *job; job++)
        if (strcmp((*job)->name, name) == 0)
            return *job;
    return NULL;
}
