#include "jobs/runtime/memory_limit.h"

#include <sys/resource.h>

#include "jobs/runtime/job_limits.h"

int64_t
ac_machine_memory(void)
{
    ac_job_limits limits;

    ac_job_limits_read(&limits, "");
    return limits.memory;
}

int64_t
ac_memory_for_task(const ac_comm *comm, int64_t limit, int64_t tasks)
{
    const int64_t together = tasks < comm->node_size ? tasks : comm->node_size;

    return (limit ? limit : ac_machine_memory()) / (together > 1 ? together : 1);
}

int64_t
ac_peak_memory_all(const ac_comm *comm)
{
    struct rusage usage;
    int64_t bytes = getrusage(RUSAGE_SELF, &usage) == 0 ? (int64_t) usage.ru_maxrss * 1024 : 0;

    AC_MPI(MPI_Allreduce(MPI_IN_PLACE, &bytes, 1, MPI_INT64_T, MPI_MAX, comm->mpi));
    return bytes;
}
