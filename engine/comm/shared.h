/**
 * Memory that the ranks of a node share, such as the packed weights of models: one rank fills
 * it, all read it.
 *
 * The memory is an unnamed file in memory (memfd), which the other ranks of the node open
 * through /proc. So it has no name that could be left behind, ends with the last process, and
 * is not bounded by /dev/shm, which containers limit to 64 MB. Where ranks cannot see each
 * other's /proc (one container per rank), each holds a copy of its own, and the log says so.
 */
#ifndef AC_ENGINE_COMM_SHARED_H
#define AC_ENGINE_COMM_SHARED_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/status.h"
#include "engine/comm/comm.h"

/** Starts zeroed. */
typedef struct ac_shared {
    void *bytes; /* 64-byte aligned (a page, in fact), zeroed */
    size_t size;
    bool fills; /* this rank fills it; the others wait for an agreement, then read */
} ac_shared;

/**
 * Collective. One for each node. `st` is the local phase's outcome, which is agreed on first.
 * @param[in] size  the same on all ranks of a node, else AC_E_FORMAT
 */
AC_MUST_CHECK ac_status ac_shared_init_all(ac_shared *self, const ac_comm *comm, size_t size,
                                           ac_status st);

/** After filling, by the rank that filled: put the memory into huge pages. The kernel gives
 * such files small ones unless it is asked afterwards. Local, without effect on the contents.
 */
void ac_shared_filled(void *bytes, size_t size);

/** Local: the memory itself goes when the last rank has let go. */
void ac_shared_free(ac_shared *self);

#endif
