/** The cache that a job's config names, opened; where it names a text file, built first. */
#ifndef AC_JOBS_CACHE_OPEN_H
#define AC_JOBS_CACHE_OPEN_H

#include "cache_builder/cache.h"
#include "engine/comm/comm.h"
#include "io/config/config.h"
#include "jobs/models/clip_model.h"

/**
 * Collective. cache.path: a cache folder is opened; a text file is built into FOLDER/cache
 * first (ac_build_cache_all). AC_E_ARG where another model made the cache.
 * @param[in] clip      open with its text tower
 * @param[in] folder    the job's run folder
 * @param[out] seconds  spent on a text file; 0: the cache was given
 */
AC_MUST_CHECK ac_status ac_cache_open_or_build_all(ac_cache *self, const ac_comm *comm,
                                                   const ac_config *config, ac_clip_model *clip,
                                                   const char *folder, double *seconds);

#endif
