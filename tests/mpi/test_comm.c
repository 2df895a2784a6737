/* engine/comm: agreement with each rank failing in turn, broadcast, gather, sums. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/comm/comm.h"
#include "tests/mpi/check.h"

static void
agreement_is_the_worst(const ac_comm *comm)
{
    CHECK(ac_agree_all(comm, AC_OK) == AC_OK);
    for (int failing = 0; failing < comm->size; failing++) {
        ac_status st = AC_OK;
        char expected[128];
        ac_error_set(AC_OK, "an old message of rank %d", comm->rank);
        if (comm->rank == failing)
            st = ac_error_set(AC_E_IO, "disk %d is gone", failing);
        CHECK(ac_agree_all(comm, st) == AC_E_IO);
        if (comm->rank == failing)
            snprintf(expected, sizeof expected, "disk %d is gone", failing);
        else
            snprintf(expected, sizeof expected, "rank %d: disk %d is gone", failing, failing);
        CHECK(strcmp(ac_error_message(), expected) == 0);
    }
}

/* All fail, each worse than the one before: the last rank's word is everybody's. */
static void
of_many_failures_the_worst_counts(const ac_comm *comm)
{
    static const ac_status statuses[] = { AC_E_ARG, AC_E_NOMEM, AC_E_IO, AC_E_FORMAT };
    const ac_status mine = statuses[comm->rank % 4], worst = statuses[(comm->size - 1) % 4];

    ac_error_set(mine, "status %d", (int) mine);
    CHECK(ac_agree_all(comm, mine) == worst);
    CHECK(strstr(ac_error_message(), comm->rank == comm->size - 1 ? "status" : "rank ") ==
          ac_error_message());
}

static void
broadcast_reaches_all(const ac_comm *comm)
{
    ac_texts t = { 0 };

    for (int root = 0; root < comm->size; root++) {
        char block[1000];
        memset(block, comm->rank, sizeof block);
        ac_broadcast_bytes_all(comm, block, sizeof block, root);
        for (size_t i = 0; i < sizeof block; i++)
            CHECK(block[i] == root);
        ac_texts_reset(&t);
        for (int i = 0; i < (comm->rank == root ? 5 : 2);
             i++) /* what was there elsewhere goes */
            CHECK(ac_texts_push(&t, "abcdefgh",
                                (size_t) (comm->rank == root ? (root + i) % 9 : 1)) == AC_OK);
        CHECK(ac_broadcast_texts_all(comm, &t, root) == AC_OK);
        CHECK(t.count == 5 && t.bytes.size == (size_t) t.offsets[5]);
        for (int i = 0; i < 5; i++) {
            CHECK(ac_texts_size(&t, i) == (size_t) ((root + i) % 9));
            CHECK(memcmp(ac_texts_at(&t, i), "abcdefgh", ac_texts_size(&t, i)) == 0);
        }
    }
    ac_texts_free(&t);
    CHECK(ac_broadcast_texts_all(comm, &t, 0) == AC_OK);
    CHECK(t.count == 0);
    ac_texts_free(&t);
}

static void
gather_keeps_the_order_of_ranks(const ac_comm *comm)
{
    for (int root = 0; root < comm->size; root++) {
        ac_buffer all = { 0 };
        int64_t bounds[17] = { 0 };
        const size_t n =
            (size_t) (comm->rank == 1 ? 0 : 3 * comm->rank + 1); /* one rank has nothing */
        char *mine = NULL;
        CHECK(comm->size <= 16 && ac_alloc(&mine, (int64_t) n, 1) == AC_OK);
        memset(mine, 'a' + comm->rank, n);
        CHECK(ac_gather_bytes_all(comm, mine, n, root, &all, bounds) == AC_OK);
        for (int r = 0; comm->rank == root && r < comm->size; r++) {
            CHECK(bounds[r + 1] - bounds[r] == (r == 1 ? 0 : 3 * r + 1));
            for (int64_t i = bounds[r]; i < bounds[r + 1]; i++)
                CHECK(all.data[i] == 'a' + r);
        }
        CHECK(comm->rank == root ? (int64_t) all.size == bounds[comm->size] : all.size == 0);
        free(mine);
        ac_buffer_free(&all);
    }
}

static void
sums_are_exact(const ac_comm *comm)
{
    int64_t x[3] = { 1, comm->rank, ((int64_t) 1 << 60) * (comm->rank == 0) };

    ac_sum_int64_all(comm, x, 3);
    CHECK(x[0] == comm->size && x[1] == comm->size * (comm->size - 1) / 2 &&
          x[2] == (int64_t) 1 << 60);
}

int
main(int argc, char **argv)
{
    ac_comm comm;

    MPI_Init(&argc, &argv);
    ac_comm_init(&comm, MPI_COMM_WORLD);
    CHECK(comm.node_size >= 1 && comm.node_rank < comm.node_size &&
          comm.node_size <= comm.size);
    agreement_is_the_worst(&comm);
    of_many_failures_the_worst_counts(&comm);
    broadcast_reaches_all(&comm);
    gather_keeps_the_order_of_ranks(&comm);
    sums_are_exact(&comm);
    ac_comm_free(&comm);
    MPI_Finalize();
    return 0;
}
