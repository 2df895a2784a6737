/**
 * Names on shared file systems. What one node has published, another may see late: NFS and its
 * like keep what they know of a folder, that a name is not there too, for up to a minute.
 */
#ifndef AC_JOBS_RUNTIME_VISIBLE_H
#define AC_JOBS_RUNTIME_VISIBLE_H

#include "engine/base/heartbeat.h"
#include "engine/base/status.h"
#include "io/config/config.h"

/**
 * Local. Wait for a file or folder that a rank has published or made, as long as it is not
 * there (ENOENT) or stale (ESTALE), for at most limits.visibility_seconds; the folder is opened
 * anew and synced before each look. Not for names that need not be there. config NULL: no wait.
 * @return AC_E_RETRY where the time is over; AC_E_STOPPED where a stop was asked for half of
 * limits.grace_seconds ago
 */
AC_MUST_CHECK ac_status ac_visible_wait(const char *path, const ac_config *config,
                                        ac_heartbeat *heartbeat);

#endif
