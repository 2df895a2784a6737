/**
 * A thread of each rank that looks on while the others work: renews the process's locks, and
 * ends the process where a stop's grace time is over, where a lock was lost, or where no rank
 * makes progress any more.
 *
 * A rank that waits for another is not stalled as long as any rank makes progress: each
 * touches one file of the run folder when its heartbeat has beaten, and a watchdog ends its
 * process only when neither its own heartbeat nor that file has moved for the whole time.
 */
#ifndef AC_JOBS_RUNTIME_WATCHDOG_H
#define AC_JOBS_RUNTIME_WATCHDOG_H

#include <pthread.h>
#include <stdbool.h>

#include "engine/base/heartbeat.h"
#include "engine/base/status.h"
#include "jobs/runtime/lock.h"

/** Ends the process (main.c installs it): must not return. message is one line. */
typedef void (*ac_watchdog_end)(ac_status st, const char *message);

typedef struct ac_watchdog {
    int rank;
    const ac_heartbeat *heartbeat; /* borrowed */
    ac_locks *locks;               /* borrowed */
    const char *sign;              /* borrowed: the file that every rank touches */
    double stall_seconds;          /* 0: never */
    double grace_seconds;
    double renew_seconds; /* AC_LOCK_RENEW_SECONDS; tests have less patience */
    ac_watchdog_end end;
    void (*record)(void *context, ac_status st,
                   const char *message); /* before the end; may be NULL */
    void *context;

    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool running, stopping;
} ac_watchdog;

/** Start looking on. The fields above the blank line are filled in; self stays where it is
 * until the stop. */
AC_MUST_CHECK ac_status ac_watchdog_start(ac_watchdog *self);
/** Idempotent. */
void ac_watchdog_stop(ac_watchdog *self);

#endif
