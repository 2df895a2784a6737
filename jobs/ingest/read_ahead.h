/**
 * Items in order, read by several threads before they are wanted: a ring of slots, of which
 * this thread takes the first while others fill those behind it. Where the first is not ready,
 * this thread reads too, so that it works with no other thread as well. Threads of our own:
 * OpenMP's would spin while this one writes, on cores that others want.
 */
#ifndef AC_JOBS_INGEST_READ_AHEAD_H
#define AC_JOBS_INGEST_READ_AHEAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/base/status.h"

/** Read item i into ring slot `slot`; `thread` says which one reads, from 0. */
typedef ac_status (*ac_read_item)(void *context, int64_t i, int64_t slot, int thread);
/** Item i in ring slot `slot`: on the calling thread, in order. */
typedef ac_status (*ac_take_item)(void *context, int64_t i, int64_t slot);

typedef struct ac_read_ahead {
    void *context;
    ac_read_item read;
    ac_take_item take;
    int64_t ring; /* slots, at least 2; item i lies in slot i % ring */
    int threads;  /* that read, this one among them: at least 1 */
    bool apart;   /* no item is read while one is taken */
} ac_read_ahead;

/**
 * Read and take items [first, first + count). Local; ends when every thread has, and with the
 * status of what failed first. An item is taken after all items before it.
 */
AC_MUST_CHECK ac_status ac_read_ahead_run(const ac_read_ahead *self, int64_t first,
                                          int64_t count);

#endif
