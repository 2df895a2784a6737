#include "engine/comm/exchange.h"

#include "engine/base/memory.h"

enum { BLOCK = 1 << 28, TAG_EXCHANGE = 12 };

static int
block_of(int64_t bytes, int64_t at)
{
    const int64_t left = bytes - at;

    return (int) (left < BLOCK ? left : BLOCK);
}

ac_status
ac_exchange_bytes_all(const ac_comm *self, int shift, const void *bytes, size_t n,
                      ac_buffer *received)
{
    const int to = (self->rank + shift) % self->size,
              from = (self->rank - shift % self->size + self->size) % self->size;
    int64_t mine = (int64_t) n, theirs = 0, capacity = (int64_t) received->capacity;
    const char *out = bytes;
    ac_status st;

    ac_debug_equal_all(self, shift, "shift of an exchange");
    AC_MPI(MPI_Sendrecv(&mine, 1, MPI_INT64_T, to, TAG_EXCHANGE, &theirs, 1, MPI_INT64_T, from,
                        TAG_EXCHANGE, self->mpi, MPI_STATUS_IGNORE));
    ac_buffer_reset(received);
    st = ac_grow(&received->data, &capacity, theirs + 1, 1);
    received->capacity = (size_t) capacity;
    st = ac_agree_all(self, st);
    if (st != AC_OK)
        return st;
    for (int64_t at = 0; at < mine || at < theirs; at += BLOCK) {
        MPI_Request requests[2] = { MPI_REQUEST_NULL, MPI_REQUEST_NULL };
        MPI_Status statuses[2]; /* MPICH's way to leave them out looks like a fault to gcc */
        if (at < theirs)
            AC_MPI(MPI_Irecv(received->data + at, block_of(theirs, at), MPI_BYTE, from,
                             TAG_EXCHANGE, self->mpi, &requests[0]));
        if (at < mine)
            AC_MPI(MPI_Isend(out + at, block_of(mine, at), MPI_BYTE, to, TAG_EXCHANGE,
                             self->mpi, &requests[1]));
        AC_MPI(MPI_Waitall(2, requests, statuses));
    }
    received->data[theirs] = '\0';
    received->size = (size_t) theirs;
    return AC_OK;
}
