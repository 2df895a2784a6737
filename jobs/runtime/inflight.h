/**
 * What a rank has in flight, written down before it is begun: journal/RANK.hand holds for each
 * thread the stage and the items that it works on. The next start reads there what a process
 * that died was working on, whatever it died of.
 */
#ifndef AC_JOBS_RUNTIME_INFLIGHT_H
#define AC_JOBS_RUNTIME_INFLIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/status.h"

/** Items [first, first + count) of a stage, as they lie in the file; count 0: none. */
typedef struct ac_inflight_items {
    int64_t stage, first, count;
} ac_inflight_items;

/** Usable when zeroed: then nothing is written down. One slot per thread; each thread uses its
 * own. */
typedef struct ac_inflight {
    int64_t stage; /* of the items that are begun from now on: its number in the run */
    int slots;
    int file; /* descriptor, where open */
    bool open;
} ac_inflight;

/** Start the file anew, every slot empty. */
AC_MUST_CHECK ac_status ac_inflight_open(ac_inflight *self, const char *path, int slots);
/** Takes a zeroed object, and twice; removes nothing. */
void ac_inflight_close(ac_inflight *self);

/** Thread-safe, a microsecond: the system has the bytes before the item is touched, so they
 * survive the process. A file that cannot be written costs the quarantine, not the run. */
void ac_inflight_begin(const ac_inflight *self, int slot, int64_t first, int64_t count);
void ac_inflight_end(const ac_inflight *self, int slot);
/** The same as ac_inflight_end of every slot: nothing is in flight. */
void ac_inflight_clear(const ac_inflight *self);

/** What the file at `path` has in flight, appended to *items. A file that is not there, or
 * truncated, has fewer. */
AC_MUST_CHECK ac_status ac_inflight_read(const char *path, ac_inflight_items **items,
                                         int64_t *count, int64_t *capacity);

#endif
