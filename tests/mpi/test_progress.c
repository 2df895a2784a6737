/* Progress over the ranks: every report is counted, and in its own stage, however late the
 * network delivers it. */
#include <unistd.h>

#include "jobs/runtime/progress.h"
#include "tests/mpi/check.h"

/* A network that is late: as long as this is set, nothing is seen to wait, though it may have
 * been sent. */
static int late;

int
MPI_Iprobe(int source, int tag, MPI_Comm comm, int *flag, MPI_Status *status)
{
    if (late) {
        *flag = 0;
        return MPI_SUCCESS;
    }
    return PMPI_Iprobe(source, tag, comm, flag, status);
}

/* Each rank does `items` in single reports, rank + 1 of them bad. */
static void
run_stage(const ac_comm *comm, int64_t items, int64_t begun_with)
{
    ac_progress progress;
    const int64_t ranks = comm->size;

    CHECK(ac_progress_begin_all(&progress, comm, NULL, "caption", "embed", "images", begun_with,
                                0, begun_with + ranks * items) == AC_OK);
    for (int64_t i = 0; i < items; i++)
        ac_progress_add(&progress, 1, i <= comm->rank);
    ac_progress_end_all(&progress);
    if (comm->rank == 0) {
        CHECK(progress.done == begun_with + ranks * items);
        CHECK(progress.bad == ranks * (ranks + 1) / 2);
    }
}

int
main(void)
{
    ac_comm comm;

    MPI_Init(NULL, NULL);
    ac_comm_init(&comm, MPI_COMM_WORLD);
    late = 1; /* reports arrive after all ranks came to the end of the stage */
    run_stage(&comm, 7, 0);
    late = 0; /* the next stage counts its own alone */
    run_stage(&comm, 9, 3);
    run_stage(&comm, 8, 0);
    ac_comm_free(&comm);
    MPI_Finalize();
    return 0;
}
