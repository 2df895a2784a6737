/* Parts shared over the ranks: in order and whole on every rank, with more and fewer parts than
 * ranks; a rank's failure and a rank's wish to stop reach all. Run at 1, 2, 3 and 4 ranks. */
#include <mpi.h>
#include <stdio.h>
#include <string.h>

#include "engine/comm/parts.h"

enum { BYTES = 37 };

static int failures;

static void
expect(bool truth, const char *what)
{
    if (!truth) {
        fprintf(stderr, "not so: %s\n", what);
        failures++;
    }
}

static void
fill(char *part, int64_t p)
{
    for (int i = 0; i < BYTES; i++)
        part[i] = (char) (p * 31 + i);
}

static void
all_parts_arrive_in_order(const ac_comm *comm, int64_t parts)
{
    ac_parts p = { 0 };
    bool stop = true;
    char expected[BYTES];
    int64_t total;

    expect(ac_parts_init(&p, comm, parts, BYTES) == AC_OK, "made");
    total = p.count;
    ac_sum_int64_all(comm, &total, 1);
    expect(total == parts, "every part is one rank's");
    for (int round = 0; round < 2; round++) { /* buffers serve again */
        for (int64_t i = 0; i < p.count; i++)
            fill(ac_parts_put(&p, i), p.first + i + round);
        expect(ac_parts_share_all(&p, AC_OK, false, &stop) == AC_OK && !stop, "shared");
        for (int64_t k = 0; k < parts; k++) {
            fill(expected, k + round);
            expect(memcmp(ac_parts_get(&p, k), expected, BYTES) == 0, "part in its place");
        }
    }
    ac_parts_free(&p);
}

static void
failure_and_stop_reach_all(const ac_comm *comm)
{
    for (int bad = 0; bad < comm->size; bad++) { /* each rank in turn */
        ac_parts p = { 0 };
        bool stop = false;
        ac_status st = comm->rank == bad ? ac_error_set(AC_E_IO, "this one") : AC_OK;

        expect(ac_parts_init(&p, comm, 2, BYTES) == AC_OK, "made");
        st = ac_parts_share_all(&p, st, false, &stop);
        expect(st == AC_E_IO && strstr(ac_error_message(), "this one"),
               "the failure and its words are everyone's");
        st = ac_parts_share_all(&p, AC_OK, comm->rank == bad, &stop);
        expect(st == AC_OK && stop, "the wish to stop is everyone's");
        ac_parts_free(&p);
    }
}

int
main(int argc, char **argv)
{
    ac_comm comm;

    MPI_Init(&argc, &argv);
    ac_comm_init(&comm, MPI_COMM_WORLD);
    all_parts_arrive_in_order(&comm, 1);
    all_parts_arrive_in_order(&comm, 3);
    all_parts_arrive_in_order(&comm, 8);
    failure_and_stop_reach_all(&comm);
    MPI_Allreduce(MPI_IN_PLACE, &failures, 1, MPI_INT, MPI_SUM, comm.mpi);
    ac_comm_free(&comm);
    MPI_Finalize();
    return failures != 0;
}
