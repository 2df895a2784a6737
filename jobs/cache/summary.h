/** summary.json of the jobs that make and grow caches. */
#ifndef AC_JOBS_CACHE_SUMMARY_H
#define AC_JOBS_CACHE_SUMMARY_H

#include "cache_builder/cache.h"
#include "jobs/runtime/run.h"

/**
 * Collective. RUN/summary.json, and a few lines to the log: entries, what the prefix tree
 * saved, seconds by stage, the memory of the largest rank, bytes on disk. `source` is what this
 * run added; `cache` the whole; `started`: when this start began, before its entries were read
 * or mined (ac_progress_clock).
 */
AC_MUST_CHECK ac_status ac_cache_summary_all(const ac_run *run, const ac_cache *cache,
                                             const ac_cache_source *source, double started);

#endif
