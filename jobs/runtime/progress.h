/**
 * Progress of a stage, summed over the ranks on rank 0: one line redrawn on a terminal, plain
 * lines elsewhere (every 30 s and at each tenth), and progress.json for `antarctic status`.
 */
#ifndef AC_JOBS_RUNTIME_PROGRESS_H
#define AC_JOBS_RUNTIME_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/status.h"
#include "engine/comm/comm.h"

typedef struct ac_progress {
    const ac_comm *comm;
    const char *json_path;          /* borrowed; rank 0 */
    const char *job, *stage, *unit; /* borrowed */
    int64_t total, done, bad, done_at_start;
    double started, last_drawn, last_line, last_json;
    int last_tenth;
    bool terminal, drawn;
    char note[96];     /* put at the end of the line; "": nothing */
    int64_t *outgoing; /* [2]: items and rejected items on their way to rank 0; owned */
    int64_t reports;   /* sent by this rank, or received by rank 0 */
    MPI_Request request;
} ac_progress;

/** Begin a stage. Collective, but moves no message. done: units finished by earlier runs. */
AC_MUST_CHECK ac_status ac_progress_begin_all(ac_progress *self, const ac_comm *comm,
                                              const char *json_path, const char *job,
                                              const char *stage, const char *unit, int64_t done,
                                              int64_t bad, int64_t total);

/** Local, any rank: `items` more are done, `bad` of them rejected. */
void ac_progress_add(ac_progress *self, int64_t items, int64_t bad);

/** The same for items that were added and are not done after all (items < 0): nothing is shown,
 * and this thread's error message stays. */
void ac_progress_count(ac_progress *self, int64_t items, int64_t bad);

/** Local; call between micro-batches on every rank. On rank 0 it takes in the other ranks'
 * reports and redraws, which also gives MPI its chance to serve the other ranks' claims. */
void ac_progress_tick(ac_progress *self);

/** Collective. The last line; every report of this stage has arrived, and none of the next one
 * is sent before. */
void ac_progress_end_all(ac_progress *self);

/** Seconds on a clock that only goes forward. */
double ac_progress_clock(void);

#endif
