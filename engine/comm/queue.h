/**
 * A queue of numbered items shared by the ranks: each item is claimed exactly once, one claim
 * ahead of the item in work. The counter lies on rank 0 and is served by an atomic
 * fetch-and-add. Where the network does not progress by itself (TCP), a claim waits until rank
 * 0 enters MPI: rank 0 calls ac_queue_progress between micro-batches.
 */
#ifndef AC_ENGINE_COMM_QUEUE_H
#define AC_ENGINE_COMM_QUEUE_H

#include <stdbool.h>

#include "engine/comm/comm.h"

typedef struct ac_queue {
    const ac_comm *comm;
    MPI_Win window;
    int64_t *counter; /* rank 0: the next item */
    int64_t items;
    int64_t one, ahead; /* operand and result of the claim under way */
    MPI_Request request;
    bool pending, failed, open;
} ac_queue;

/** Collective; items is the same on all ranks. Starts the first claim. */
AC_MUST_CHECK ac_status ac_queue_open_all(ac_queue *self, const ac_comm *comm, int64_t items);
/** Local. The next item for this rank, and the claim after it is under way; false: none is
 * left, or ac_queue_fail. */
bool ac_queue_claim(ac_queue *self, int64_t *item);
/** Local, cheap: lets MPI serve the other ranks' claims. */
void ac_queue_progress(ac_queue *self);
/** Local: this rank claims nothing more. */
void ac_queue_fail(ac_queue *self);
/** Local: neither this rank nor any other claims anything more. */
void ac_queue_stop(ac_queue *self);
/** Collective. */
void ac_queue_close_all(ac_queue *self);

#endif
