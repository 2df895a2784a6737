/** The caches that a job's config names, opened; where it names a text file, built first. */
#ifndef AC_JOBS_CACHE_OPEN_H
#define AC_JOBS_CACHE_OPEN_H

#include "cache_builder/cache_set.h"
#include "engine/comm/comm.h"
#include "io/config/config.h"
#include "jobs/models/clip_model.h"

/**
 * Collective. Each of cache.path: a cache folder is opened; a text file is built into
 * FOLDER/cache first (of several: FOLDER/caches/NUMBER), with retrieval.templates as labels.
 * AC_E_FORMAT naming the cache where another model made it.
 * @param[in] clip      open with its text tower
 * @param[in] folder    the job's run folder
 * @param[out] seconds  spent on text files; 0: the caches were given
 */
AC_MUST_CHECK ac_status ac_caches_open_or_build_all(ac_cache_set *self, const ac_comm *comm,
                                                    const ac_config *config,
                                                    ac_clip_model *clip, const char *folder,
                                                    double *seconds);

#endif
