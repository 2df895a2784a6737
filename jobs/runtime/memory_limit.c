#include "jobs/runtime/memory_limit.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* The number in a file of the kernel; -1: not there, or "max". */
static int64_t
read_number(const char *path)
{
    FILE *f = fopen(path, "r");
    long long number = -1;

    if (!f)
        return -1;
    if (fscanf(f, "%lld", &number) != 1)
        number = -1;
    fclose(f);
    return number;
}

int64_t
ac_machine_memory(void)
{
    const int64_t machine = (int64_t) sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    const int64_t limits[] = { read_number("/sys/fs/cgroup/memory.max"),
                               read_number("/sys/fs/cgroup/memory/memory.limit_in_bytes") };
    int64_t least = machine;

    for (int i = 0; i < 2; i++)
        if (limits[i] > 0 && limits[i] < least)
            least = limits[i];
    return least;
}

int64_t
ac_peak_memory_all(const ac_comm *comm)
{
    struct rusage usage;
    int64_t bytes = getrusage(RUSAGE_SELF, &usage) == 0 ? (int64_t) usage.ru_maxrss * 1024 : 0;

    AC_MPI(MPI_Allreduce(MPI_IN_PLACE, &bytes, 1, MPI_INT64_T, MPI_MAX, comm->mpi));
    return bytes;
}
