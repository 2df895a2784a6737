/**
 * One run at a time in a folder: a lock file that names host, process and Slurm job, renewed while the run lives.
 *
 * Made for shared file systems and not trusting flock: the file is written under a name of its own and then linked to the lock's
 * name, which the server does for exactly one of those who try (on file systems without links: created exclusively).
 * A lock is taken over when its holder is surely gone:
 *   - on this host: no such process, or another one under its number, or the host was started since the last renewal;
 *   - this is the same Slurm job, started again;
 *   - elsewhere: not renewed for AC_LOCK_STALE_SECONDS, both times taken from the file server's clock.
 * Taking over moves the old file away, which succeeds for one only, and looks whether it was the one judged. A holder that slept
 * through its own replacement learns it at the next renewal, and ends.
 */
#ifndef AC_JOBS_RUNTIME_LOCK_H
#define AC_JOBS_RUNTIME_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/status.h"

enum { AC_LOCK_STALE_SECONDS = 300, AC_LOCK_RENEW_SECONDS = 10, AC_LOCK_PATH = 1024 /* of a path in a message */ };

/** Starts zeroed, and stays where it is while it is held: the process keeps a list of its locks, which the watchdog renews. */
typedef struct ac_lock {
    char *path;    /* owned; NULL: not held */
    char token[33]; /* in the file: this lock and no other */
    struct ac_lock *next; /* of those that this process holds */
} ac_lock;

/** Who holds a lock. */
typedef struct ac_lock_holder {
    bool found, alive;
    char host[256], token[33];
    int64_t pid, slurm_job, slurm_restart; /* slurm_job 0: none */
    int64_t age;                           /* seconds since the last renewal */
} ac_lock_holder;

/** AC_E_ARG naming host and process where another run holds it. */
ac_status ac_lock_take(ac_lock *self, const char *path);

/** Still ours? Then renewed. false: another has taken it over, and this run must end. */
bool ac_lock_renew(const ac_lock *self);

/** Remove it, if it is still ours. Idempotent. */
void ac_lock_release(ac_lock *self);

/** Every lock that this process holds, on whichever thread. false: the file `lost` is another's now (or gone), and this run must end. */
bool ac_lock_renew_held(char lost[AC_LOCK_PATH]);

/** Remove them all: this process is over, and others need not wait. The locks themselves stay to be released. Any thread. */
void ac_lock_remove_held(void);

/** Who holds it, and does the holder live as far as can be told from here? Writes nothing. */
void ac_lock_look(ac_lock_holder *out, const char *path);

/** Is the file one that a living process is about to make a lock of? Who clears away temporary files leaves it. */
bool ac_lock_is_awaited(const char *path);

/** AC_E_ARG: "another run works in this folder: host …". */
ac_status ac_lock_refuse(const ac_lock_holder *holder, const char *path);

#endif
