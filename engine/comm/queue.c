#include "engine/comm/queue.h"

static void
start_claim(ac_queue *self)
{
    self->one = 1;
    AC_MPI(MPI_Rget_accumulate(&self->one, 1, MPI_INT64_T, &self->ahead, 1, MPI_INT64_T, 0, 0,
                               1, MPI_INT64_T, MPI_SUM, self->window, &self->request));
    self->pending = true;
}

ac_status
ac_queue_open_all(ac_queue *self, const ac_comm *comm, int64_t items)
{
    MPI_Aint bytes = comm->rank == 0 ? (MPI_Aint) sizeof(int64_t) : 0;

    ac_debug_equal_all(comm, items, "items of a queue");
    *self = (ac_queue){ .comm = comm, .items = items };
    AC_MPI(MPI_Win_allocate(bytes, sizeof(int64_t), MPI_INFO_NULL, comm->mpi, &self->counter,
                            &self->window));
    AC_MPI(MPI_Win_lock_all(0, self->window));
    if (comm->rank == 0) {
        *self->counter = 0;
        AC_MPI(MPI_Win_sync(self->window));
    }
    AC_MPI(MPI_Barrier(comm->mpi));
    self->open = true;
    start_claim(self);
    return AC_OK;
}

bool
ac_queue_claim(ac_queue *self, int64_t *item)
{
    if (!self->pending)
        return false;
    AC_MPI(MPI_Wait(&self->request, MPI_STATUS_IGNORE));
    ac_heartbeat_beat(self->comm->heartbeat);
    self->pending = false;
    if (self->failed || self->ahead >= self->items)
        return false;
    *item = self->ahead;
    start_claim(self);
    return true;
}

void
ac_queue_progress(ac_queue *self)
{
    int flag;

    AC_MPI(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, self->comm->mpi, &flag, MPI_STATUS_IGNORE));
}

void
ac_queue_fail(ac_queue *self)
{
    self->failed = true;
}

void
ac_queue_stop(ac_queue *self)
{
    const int64_t past_all = (int64_t) 1 << 40; /* every rank may add it once */

    if (self->failed || !self->open)
        return;
    self->failed = true;
    AC_MPI(
        MPI_Accumulate(&past_all, 1, MPI_INT64_T, 0, 0, 1, MPI_INT64_T, MPI_SUM, self->window));
    AC_MPI(MPI_Win_flush_local(0, self->window));
}

void
ac_queue_close_all(ac_queue *self)
{
    if (!self->open)
        return;
    if (self->pending)
        AC_MPI(MPI_Wait(&self->request, MPI_STATUS_IGNORE));
    self->pending = false;
    AC_MPI(MPI_Win_unlock_all(self->window));
    AC_MPI(MPI_Win_free(&self->window));
    self->open = false;
}
