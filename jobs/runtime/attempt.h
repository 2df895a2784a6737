/**
 * One attempt at a run: what a set of processes does in a run folder from their start to their
 * end. It holds the folder's lock, has a watchdog on each rank, and leaves in attempts.jsonl
 * how it began and how it ended, for `antarctic status`:
 *
 *     {"event": "start", "job", "time", "host", "pid", "ranks", "slurm_job",
 *      "slurm_restart", "part", "parts"}
 *     {"event": "end", "time", "code", "message",
 *      "state": "done | failed | bad_items | stopped | retry | bug"}
 *
 * A start without its end was killed.
 */
#ifndef AC_JOBS_RUNTIME_ATTEMPT_H
#define AC_JOBS_RUNTIME_ATTEMPT_H

#include "engine/comm/comm.h"
#include "io/config/config.h"
#include "jobs/runtime/lock.h"
#include "jobs/runtime/watchdog.h"

typedef struct ac_attempt {
    const ac_comm *comm;
    char *folder;   /* owned */
    char *sign;     /* owned: the file that the ranks touch */
    ac_locks locks; /* all that this process holds; a job adds its own */
    ac_lock lock;   /* of the folder; rank 0 */
    ac_watchdog watchdog;
    int (*exit_code)(ac_status st);
    bool begun;
} ac_attempt;

/**
 * Collective. Makes the folder, takes its lock, starts the watchdogs on comm->heartbeat.
 * AC_E_ARG where another works in the folder. self stays where it is until ac_attempt_end.
 * @param[in] end        called by a watchdog; ends the process
 * @param[in] exit_code  of a status, for the record
 */
AC_MUST_CHECK ac_status ac_attempt_begin_all(ac_attempt *self, const ac_comm *comm,
                                             const ac_config *config, const char *folder,
                                             const char *job, ac_watchdog_end end,
                                             int (*exit_code)(ac_status st));

/** Local. Stop the watchdog, record how it ended (rank 0), give the lock back, free. */
void ac_attempt_end(ac_attempt *self, ac_status st);

/** Local, also from another thread or a bug handler: append an end with this code and message.
 */
void ac_attempt_record(const ac_attempt *self, int code, const char *state,
                       const char *message);

/** "p3-" where the config says that this is part 3 of several, "" for a whole run: in front of
 * the names of files of its own. */
void ac_part_prefix(char prefix[16], const ac_config *config);

#endif
