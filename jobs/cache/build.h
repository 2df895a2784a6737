/** Building a cache: a run of its own, whose folder is the cache. */
#ifndef AC_JOBS_CACHE_BUILD_H
#define AC_JOBS_CACHE_BUILD_H

#include "engine/comm/comm.h"
#include "io/config/config.h"
#include "jobs/models/clip_model.h"

/* Entries per shard where another job builds its cache: its output.shard_items counts images.
 */
enum { AC_CACHE_SHARD_ITEMS = 1024 };

/**
 * Collective. The cache `folder` from config->input.path, embedded by `clip`, whose text tower
 * and tokenizer are open. Where it is there already, made from the same, nothing is done; where
 * a run was interrupted, it resumes. The cache appears in manifest.json last of all.
 */
AC_MUST_CHECK ac_status ac_build_cache_all(const ac_comm *comm, const ac_config *config,
                                           ac_clip_model *clip, const char *folder);

#endif
