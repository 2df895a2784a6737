/** One run at a time in a folder: a lock file with host and process, renewed while the run lives. */
#ifndef AC_JOBS_RUNTIME_LOCK_H
#define AC_JOBS_RUNTIME_LOCK_H

#include "engine/base/status.h"

/** AC_E_ARG naming host and process where another run holds it. A lock whose process is gone (same host), or that was
 *  not renewed for five minutes (another host), is taken over. */
ac_status ac_lock_take(const char *path);
void ac_lock_renew(const char *path);
void ac_lock_release(const char *path);

#endif
