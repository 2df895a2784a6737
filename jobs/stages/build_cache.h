/** Building a cache from entries: shards claimed by ranks, embedded by CLIP's text tower. */
#ifndef AC_JOBS_STAGES_BUILD_CACHE_H
#define AC_JOBS_STAGES_BUILD_CACHE_H

#include "cache_builder/cache.h"
#include "engine/comm/comm.h"
#include "io/config.h"
#include "jobs/models.h"

/**
 * Collective. The cache `folder` from the lines of `source`. Where it is there already, made by the same model from the same
 * source, nothing is done. The manifest comes last, so an interrupted one is no cache.
 */
ac_status ac_build_cache_all(const ac_comm *comm, const ac_config *config, ac_clip_model *clip, const char *source, const char *folder,
                             const char *progress_path);

#endif
