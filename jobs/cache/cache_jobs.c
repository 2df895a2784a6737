/* The jobs build-cache, where the run folder is the cache, and extend-cache: new entries join a
 * cache. Both need CLIP's text tower. */
#include "engine/base/log.h"
#include "jobs/cache/build.h"
#include "jobs/cache/extend.h"
#include "jobs/jobs.h"

static ac_status
open_text_tower_all(ac_clip_model *clip, const ac_comm *comm, const ac_config *config)
{
    const ac_clip_options options = {
        .model = config->clip.model,
        .model_config = config->clip.model_config,
        .towers = AC_CLIP_TEXT,
        .need_tokenizer = true,
        .compute = ac_config_compute(config),
    };

    return ac_clip_model_open_all(clip, comm, &options);
}

/* Rank 0 tells where the cache is; then CLIP goes. */
static ac_status
finish(ac_clip_model *clip, const ac_comm *comm, ac_status st, const char *cache)
{
    if (st == AC_OK && comm->rank == 0)
        ac_log(AC_LOG_INFO, "cache: %s", cache);
    ac_clip_model_free(clip);
    return st;
}

ac_status
ac_job_build_cache_all(const ac_comm *comm, const ac_config *config, const char *folder,
                       ac_locks *locks)
{
    ac_clip_model clip = { 0 };
    ac_status st = open_text_tower_all(&clip, comm, config);

    (void) locks;
    if (st == AC_OK)
        st = ac_build_cache_all(comm, config, &clip, folder);
    return finish(&clip, comm, st, folder);
}

ac_status
ac_job_extend_cache_all(const ac_comm *comm, const ac_config *config, const char *folder,
                        ac_locks *locks)
{
    ac_clip_model clip = { 0 };
    ac_status st = open_text_tower_all(&clip, comm, config);

    if (st == AC_OK)
        st = ac_extend_cache_all(comm, config, &clip, folder, locks);
    return finish(&clip, comm, st, config->cache.path);
}
