/* The shard queue: every item exactly once whoever is slow, a rank that failed claims nothing
 * more, and the others go on. */
#include <stdlib.h>
#include <time.h>

#include "engine/base/memory.h"
#include "engine/comm/queue.h"
#include "tests/mpi/check.h"

static void
work(int milliseconds)
{
    nanosleep(&(struct timespec){ 0, milliseconds * 1000000L }, NULL);
}

/* Claim until the end; the rank `failing` fails at its second claim (-1: none). counts [items]:
 * times done, over all ranks. */
static int64_t
claim_all(const ac_comm *comm, int64_t items, int slow, int failing, int64_t *counts)
{
    ac_queue queue = { 0 };
    int64_t mine = 0;

    CHECK(ac_queue_open_all(&queue, comm, items) == AC_OK);
    for (int64_t i; ac_queue_claim(&queue, &i); mine++) {
        CHECK(i >= 0 && i < items);
        if (comm->rank == failing && mine == 1) {
            ac_queue_fail(&queue);
            continue; /* this item is not done, and none after it is claimed */
        }
        counts[i]++;
        if (comm->rank == slow)
            work(3);
        ac_queue_progress(&queue);
    }
    ac_queue_close_all(&queue);
    ac_queue_close_all(&queue); /* twice is no harm */
    ac_sum_int64_all(comm, counts, (int) items);
    return mine;
}

static void
every_item_once(const ac_comm *comm)
{
    enum { ITEMS = 97 };

    for (int slow = 0; slow < comm->size; slow++) {
        int64_t counts[ITEMS] = { 0 }, claims = claim_all(comm, ITEMS, slow, -1, counts);
        for (int i = 0; i < ITEMS; i++)
            CHECK(counts[i] == 1);
        ac_sum_int64_all(comm, &claims, 1);
        CHECK(claims == ITEMS);
    }
}

static void
few_items_or_none(const ac_comm *comm)
{
    int64_t counts[1] = { 0 };

    CHECK(claim_all(comm, 0, -1, -1, counts) == 0);
    claim_all(comm, 1, -1, -1, counts);
    CHECK(counts[0] == 1);
}

static void
a_failure_stops_its_rank_alone(const ac_comm *comm)
{
    enum { ITEMS = 40 };

    for (int failing = 0; failing < comm->size; failing++) {
        int64_t counts[ITEMS] = { 0 }, done = 0,
                mine = claim_all(comm, ITEMS, -1, failing, counts);
        for (int i = 0; i < ITEMS; i++) {
            CHECK(counts[i] <= 1);
            done += counts[i];
        }
        if (comm->rank == failing)
            CHECK(mine <= 2);
        /* the item in work and the one claimed ahead are left undone, and no others where a
         * rank is left to claim them */
        CHECK(comm->size > 1 ? done >= ITEMS - 2 : done == 1);
    }
}

int
main(int argc, char **argv)
{
    ac_comm comm;

    MPI_Init(&argc, &argv);
    ac_comm_init(&comm, MPI_COMM_WORLD);
    every_item_once(&comm);
    few_items_or_none(&comm);
    a_failure_stops_its_rank_alone(&comm);
    ac_comm_free(&comm);
    MPI_Finalize();
    return 0;
}
