/* The job extend-cache: new entries join a cache. */
#include "engine/base/log.h"
#include "jobs/cache/extend.h"
#include "jobs/jobs.h"

ac_status
ac_job_extend_cache_all(const ac_comm *comm, const ac_config *config, const char *folder)
{
    const ac_clip_options options = {
        .model = config->clip.model, .model_config = config->clip.model_config, .towers = AC_CLIP_TEXT, .need_tokenizer = true,
        .compute = ac_config_compute(config),
    };
    ac_clip_model clip = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_clip_model_open_all(&clip, comm, &options));
    AC_TRY(ac_extend_cache_all(comm, config, &clip, folder));
    if (comm->rank == 0)
        ac_log(AC_LOG_INFO, "cache: %s", config->cache.path);
out:
    ac_clip_model_free(&clip);
    return st;
}
