#include "engine/comm/comm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

enum { BLOCK = 1 << 28, TAG_GATHER = 11 };

void
ac_comm_init(ac_comm *self, MPI_Comm mpi)
{
    MPI_Comm node;

    self->heartbeat = NULL;
    self->threads = NULL;
    AC_MPI(MPI_Comm_dup(mpi, &self->mpi));
    AC_MPI(MPI_Comm_rank(self->mpi, &self->rank));
    AC_MPI(MPI_Comm_size(self->mpi, &self->size));
    AC_MPI(MPI_Comm_split_type(self->mpi, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node));
    AC_MPI(MPI_Comm_rank(node, &self->node_rank));
    AC_MPI(MPI_Comm_size(node, &self->node_size));
    AC_MPI(MPI_Comm_free(&node));
}

void
ac_comm_free(ac_comm *self)
{
    AC_MPI(MPI_Comm_free(&self->mpi));
    free(self->threads);
    self->threads = NULL;
}

ac_status
ac_agree_all(const ac_comm *self, ac_status st)
{
    struct {
        int status, rank;
    } mine = { (int) st, self->rank }, worst;
    struct {
        char message[1024], place[128];
    } error = { 0 };

    ac_heartbeat_beat(self->heartbeat);
    AC_MPI(MPI_Allreduce(&mine, &worst, 1, MPI_2INT, MPI_MINLOC, self->mpi));
    ac_heartbeat_beat(self->heartbeat);
    if (worst.status == AC_OK)
        return AC_OK;
    snprintf(error.message, sizeof error.message, "%s", ac_error_message());
    snprintf(error.place, sizeof error.place, "%s", ac_error_place());
    AC_MPI(MPI_Bcast(&error, sizeof error, MPI_BYTE, worst.rank, self->mpi));
    if (self->rank == worst.rank)
        return st;
    return ac_error_set_at(error.place, (ac_status) worst.status, "rank %d: %s", worst.rank,
                           error.message);
}

void
ac_broadcast_bytes_all(const ac_comm *self, void *bytes, size_t n, int root)
{
    char *p = bytes;

    ac_debug_equal_all(self, (int64_t) n, "bytes to broadcast");
    while (n) {
        size_t part = n < BLOCK ? n : BLOCK;
        AC_MPI(MPI_Bcast(p, (int) part, MPI_BYTE, root, self->mpi));
        p += part;
        n -= part;
    }
}

ac_status
ac_broadcast_texts_all(const ac_comm *self, ac_texts *texts, int root)
{
    int64_t sizes[2] = { texts->count, (int64_t) texts->bytes.size };
    ac_status st = AC_OK;

    ac_broadcast_bytes_all(self, sizes, sizeof sizes, root);
    if (self->rank != root) {
        int64_t capacity = (int64_t) texts->bytes.capacity;
        ac_texts_reset(texts);
        st = ac_grow(&texts->offsets, &texts->capacity, sizes[0] + 1, sizeof *texts->offsets);
        if (st == AC_OK)
            st = ac_grow(&texts->bytes.data, &capacity, sizes[1] + 1, 1);
        texts->bytes.capacity = (size_t) capacity;
    }
    st = ac_agree_all(self, st);
    if (st != AC_OK || sizes[0] == 0)
        return st;
    ac_broadcast_bytes_all(self, texts->offsets,
                           (size_t) (sizes[0] + 1) * sizeof *texts->offsets, root);
    ac_broadcast_bytes_all(self, texts->bytes.data, (size_t) sizes[1], root);
    texts->bytes.data[sizes[1]] = '\0';
    texts->bytes.size = (size_t) sizes[1];
    texts->count = sizes[0];
    return AC_OK;
}

static void
send_blocks(const ac_comm *self, const char *bytes, size_t n, int root)
{
    for (size_t at = 0; at < n; at += BLOCK)
        AC_MPI(MPI_Send(bytes + at, (int) (n - at < BLOCK ? n - at : BLOCK), MPI_BYTE, root,
                        TAG_GATHER, self->mpi));
}

static void
receive_blocks(const ac_comm *self, char *bytes, int64_t n, int from)
{
    for (int64_t at = 0; at < n; at += BLOCK)
        AC_MPI(MPI_Recv(bytes + at, (int) (n - at < BLOCK ? n - at : BLOCK), MPI_BYTE, from,
                        TAG_GATHER, self->mpi, MPI_STATUS_IGNORE));
}

ac_status
ac_gather_bytes_all(const ac_comm *self, const void *bytes, size_t n, int root, ac_buffer *all,
                    int64_t *bounds)
{
    int64_t mine = (int64_t) n, *sizes = NULL, total = 0, capacity = (int64_t) all->capacity;
    ac_status st = ac_agree_all(self, ac_alloc(&sizes, self->size, sizeof *sizes));

    if (st != AC_OK)
        goto out;
    AC_MPI(MPI_Allgather(&mine, 1, MPI_INT64_T, sizes, 1, MPI_INT64_T, self->mpi));
    for (int r = 0; r < self->size; r++) {
        if (self->rank == root)
            bounds[r] = total;
        total += sizes[r];
    }
    if (self->rank == root) {
        bounds[self->size] = total;
        st = ac_grow(&all->data, &capacity, total + 1, 1);
        all->capacity = (size_t) capacity;
    }
    AC_TRY(ac_agree_all(self, st));
    if (self->rank != root) {
        send_blocks(self, bytes, n, root);
        goto out;
    }
    for (int r = 0; r < self->size; r++) {
        if (r != root)
            receive_blocks(self, all->data + bounds[r], sizes[r], r);
        else if (n)
            memcpy(all->data + bounds[r], bytes, n);
    }
    all->data[total] = '\0';
    all->size = (size_t) total;
out:
    free(sizes);
    return st;
}

void
ac_sum_int64_all(const ac_comm *self, int64_t *x, int n)
{
    AC_MPI(MPI_Allreduce(MPI_IN_PLACE, x, n, MPI_INT64_T, MPI_SUM, self->mpi));
}

void
ac_debug_equal_all(const ac_comm *self, int64_t x, const char *what)
{
#ifdef AC_DEBUG_CHECKS
    int64_t both[2] = { x, -x }, least[2];

    AC_MPI(MPI_Allreduce(both, least, 2, MPI_INT64_T, MPI_MIN, self->mpi));
    if (least[0] != -least[1])
        ac_bug(__FILE__, __LINE__,
               "%s differ between ranks: %lld here, from %lld to %lld elsewhere", what,
               (long long) x, (long long) least[0], (long long) -least[1]);
#else
    (void) self;
    (void) x;
    (void) what;
#endif
}
