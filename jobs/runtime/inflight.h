/**
 * What a rank has in hand, written down before it is begun: journal/RANK.hand holds for each
 * thread the stage and items that it works on. What a process that died had in hand is thereby
 * known at the next start, whatever it died of.
 */
#ifndef AC_JOBS_RUNTIME_INFLIGHT_H
#define AC_JOBS_RUNTIME_INFLIGHT_H

#include <stdint.h>

#include "engine/base/status.h"

/** Items [first, first + count) of a stage; count 0: empty. */
typedef struct ac_hand_items {
    int64_t stage, first, count;
} ac_hand_items;

/** Starts with file -1. One slot a thread; each thread uses its own. */
typedef struct ac_hand {
    int file;
} ac_hand;

/** Start the file anew, every slot empty. */
AC_MUST_CHECK ac_status ac_hand_open(ac_hand *self, const char *path, int slots);
/** Idempotent; removes nothing. */
void ac_hand_close(ac_hand *self);

/** Thread-safe, a microsecond: the bytes are the system's before the item is touched, so they
 * survive the process. A file that cannot be written costs the quarantine, not the run. */
void ac_hand_take(ac_hand *self, int slot, int64_t stage, int64_t first, int64_t count);
void ac_hand_put(ac_hand *self, int slot);

/** What a file left behind has in hand, appended to *items; a file that is not there or cut
 * short has fewer. */
AC_MUST_CHECK ac_status ac_hand_read(const char *path, ac_hand_items **items, int64_t *count,
                                     int64_t *capacity);

#endif
