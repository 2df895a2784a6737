/** What earlier starts of a run have published on other hosts a moment ago, and this host may
 * not see yet: the parts of an array before the run that completes them, a job before the next
 * of a chain. */
#ifndef AC_JOBS_RUNTIME_EARLIER_H
#define AC_JOBS_RUNTIME_EARLIER_H

#include <stdbool.h>

#include "engine/base/heartbeat.h"
#include "io/config/config.h"

/**
 * Local, for rank 0. Of each start in attempts.jsonl that ended on another host less than a
 * minute (or limits.visibility_seconds) ago: wait for the manifest, for DONE or the part's own,
 * and for the part's journals. What a start that was stopped may have left is waited for too,
 * and may be missing.
 * @param[out] fresh  there was such a start: shards that its journals tell of are waited for
 * too
 * @return AC_E_RETRY where the time is over
 */
AC_MUST_CHECK ac_status ac_earlier_await(const char *folder, const ac_config *config,
                                         ac_heartbeat *heartbeat, bool *fresh);

#endif
