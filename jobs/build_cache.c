/* The job build-cache: a cache from a text file, one entry a line. The run folder is the cache. */
#include "engine/base/log.h"
#include "jobs/jobs.h"
#include "jobs/runtime/run.h"
#include "jobs/stages/build_cache.h"

ac_status
ac_job_build_cache_all(const ac_comm *comm, const ac_config *config, const char *folder)
{
    const ac_clip_options options = {
        .model = config->clip.model, .model_config = config->clip.model_config, .towers = AC_CLIP_TEXT, .need_tokenizer = true,
        .compute = { (ac_backend) config->compute.backend, (ac_precision) config->compute.precision },
    };
    ac_clip_model clip = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_clip_model_open_all(&clip, comm, &options));
    AC_TRY(ac_agree_all(comm, comm->rank == 0 ? ac_run_make_folder(folder) : AC_OK));
    AC_TRY(ac_build_cache_all(comm, config, &clip, config->input.path, folder, NULL));
    if (comm->rank == 0)
        ac_log(AC_LOG_INFO, "cache: %s", folder);
out:
    ac_clip_model_free(&clip);
    return st;
}
