/**
 * One run at a time in a folder: a lock file that names host, process and Slurm job, renewed
 * while the run lives.
 *
 * Made for shared file systems and not trusting flock: the file is written under a name of its
 * own and then linked to the lock's name, which the server does for exactly one of those who
 * try (on file systems without links: created exclusively). A lock is taken over when its
 * holder is surely gone:
 *
 *   - on this host: no such process, or another one with its number, or the host was started
 *     since the last renewal;
 *   - this is the same Slurm job, started again;
 *   - elsewhere: not renewed for AC_LOCK_STALE_SECONDS, both times by the file server's clock.
 *
 * Taking over moves the old file away, which succeeds for one process only, and checks that it
 * is the file that was judged. A holder that was suspended while it was replaced learns it at
 * the next renewal, and ends.
 */
#ifndef AC_JOBS_RUNTIME_LOCK_H
#define AC_JOBS_RUNTIME_LOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/base/status.h"

enum {
    AC_LOCK_STALE_SECONDS = 300,
    AC_LOCK_RENEW_SECONDS = 10,
    AC_LOCK_PATH = 1024 /* of a path in a message */
};

/** Starts zeroed, and stays where it is while it is held. */
typedef struct ac_lock {
    char *path;             /* owned; NULL: not held */
    char token[33];         /* in the file: this lock and no other */
    struct ac_locks *locks; /* borrowed: the list that it is on */
    struct ac_lock *next;   /* on it */
} ac_lock;

/** The locks that a process holds: its run folder's, and what else its job locks. The watchdog
 * renews them all. Any thread. */
typedef struct ac_locks {
    pthread_mutex_t mutex;
    ac_lock *first;
} ac_locks;

void ac_locks_init(ac_locks *self);
/** Its locks are released before. */
void ac_locks_free(ac_locks *self);

/** Who holds a lock. */
typedef struct ac_lock_holder {
    bool found, alive;
    bool certain; /* alive is told by the process itself, not by the lock's age */
    char host[256], token[33];
    int64_t pid, slurm_job, slurm_restart; /* slurm_job 0: none */
    int64_t age;                           /* seconds since the last renewal */
    int64_t renewed;                       /* when that was, by the file server's clock */
} ac_lock_holder;

/**
 * AC_E_ARG naming host and process where another run holds it. A holder that can be judged by
 * its renewals alone (on another host) is watched: up to AC_LOCK_RENEW_SECONDS where it lives,
 * up to AC_LOCK_STALE_SECONDS where it is gone. AC_E_STOPPED: a stop was asked for.
 */
AC_MUST_CHECK ac_status ac_lock_take(ac_lock *self, ac_locks *locks, const char *path);

/** Still ours? Then renewed. false: another has taken it over, and this run must end. */
bool ac_lock_renew(const ac_lock *self);

/** Remove it, if it is still ours. Idempotent. */
void ac_lock_release(ac_lock *self);

/** Every lock on the list. false: the file `lost` is another's now (or gone), and this run must
 * end. */
bool ac_locks_renew(ac_locks *self, char lost[AC_LOCK_PATH]);

/** Remove all their files: this process is over, and others need not wait. The locks themselves
 * stay to be released. */
void ac_locks_remove_files(ac_locks *self);

/** Who holds it, and does the holder live as far as can be told from here? Writes nothing. */
void ac_lock_look(ac_lock_holder *out, const char *path);

/** Is the file one that a living process is about to make a lock of? Who clears away temporary
 * files leaves it. */
bool ac_lock_is_awaited(const char *path);

/** AC_OK: nobody holds the lock at `path`, or one that is gone. Else as ac_lock_take, without
 * taking it; `own` is renewed meanwhile. */
AC_MUST_CHECK ac_status ac_lock_check(const ac_lock *own, const char *path);

#endif
