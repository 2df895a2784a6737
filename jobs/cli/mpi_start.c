#include "jobs/cli/mpi_start.h"

#include <sched.h>
#include <mpi.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool
ac_mpi_is_launched(void)
{
    /* Open MPI's mpirun; PMIx, srun's and PRRTE's; MPICH's launchers and srun's pmi2 */
    return getenv("OMPI_COMM_WORLD_SIZE") || getenv("PMIX_RANK") || getenv("PMI_RANK");
}

void
ac_mpi_prepare(void)
{
#if defined OMPI_MAJOR_VERSION && OMPI_MAJOR_VERSION < 5
    /* Open MPI 4.1 prefers osc/rdma between nodes, whose windows fail over TCP (MPI_ERR_WIN):
     * sm, ucx and pt2pt are left. Open MPI 5 has no pt2pt, and its rdma works over TCP */
    setenv("OMPI_MCA_osc", "^rdma", 0);
#endif
    if (!ac_mpi_is_launched()) {
#if defined OMPI_MAJOR_VERSION && OMPI_MAJOR_VERSION >= 5
        /* without a network of its own, ucx writes an error about a window that others serve */
        setenv("OMPI_MCA_osc", "^ucx", 0);
#endif
        /* alone, Open MPI starts a daemon for the ranks one might spawn: two seconds for
         * nothing */
        setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
        /* such processes share one folder in /tmp, which one removes while another makes it:
         * then MPI_Init fails; a rank alone needs none */
        setenv("OMPI_MCA_orte_create_session_dirs", "0", 0);
    }
}

ac_status
ac_mpi_check_launcher(const ac_comm *comm)
{
    static const char *const sizes[] = { "OMPI_COMM_WORLD_SIZE", "PMI_SIZE" };
    char version[MPI_MAX_LIBRARY_VERSION_STRING];
    int n;

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const char *size = getenv(sizes[i]);
        if (comm->size > 1 || !size || atoi(size) <= 1)
            continue;
        MPI_Get_library_version(version, &n);
        version[strcspn(version, "\n,(")] = '\0';
        return ac_error_set(
            AC_E_ARG,
            "the launcher started %s ranks, but each is alone: it belongs to "
            "another MPI than the one that this program is built with (%s); use "
            "that one's mpirun",
            size, version);
    }
    return AC_OK;
}

int
ac_mpi_threads(const ac_comm *comm)
{
    const char *given = getenv("SLURM_CPUS_PER_TASK");
    const long cores = sysconf(_SC_NPROCESSORS_ONLN), ranks = comm ? comm->node_size : 1,
               share = cores > ranks ? cores / ranks : 1;
    cpu_set_t bound;

    if (given && atoi(given) > 0)
        return atoi(given);
    if (sched_getaffinity(0, sizeof bound, &bound) == 0 && CPU_COUNT(&bound) < share)
        return CPU_COUNT(&bound) > 0 ? CPU_COUNT(&bound) : 1;
    return (int) share;
}
