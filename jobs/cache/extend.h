/** Growing a cache in place: new entries join, old ones keep their ids and are not embedded
 * again. */
#ifndef AC_JOBS_CACHE_EXTEND_H
#define AC_JOBS_CACHE_EXTEND_H

#include "engine/comm/comm.h"
#include "io/config/config.h"
#include "jobs/models/clip_model.h"
#include "jobs/runtime/lock.h"

/**
 * Collective. The entries of config->input.path (text, or another cache of the same model and
 * prefix, whose embeddings are taken over) join the cache config->cache.path. The run folder
 * `folder` holds the work; new shards are put beside the cache's own, and its manifest,
 * replaced last of all, makes them part of it: before that moment the cache is the old one,
 * after it the new one. The cache is locked meanwhile, on the list `locks`.
 */
AC_MUST_CHECK ac_status ac_extend_cache_all(const ac_comm *comm, const ac_config *config,
                                            ac_clip_model *clip, const char *folder,
                                            ac_locks *locks);

#endif
