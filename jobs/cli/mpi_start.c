#include "jobs/cli/mpi_start.h"

#include <sched.h>
#include <stdlib.h>
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
    /* Open MPI 4.1 prefers osc/rdma between nodes, whose windows fail over TCP (MPI_ERR_WIN):
     * sm, ucx and pt2pt are left */
    setenv("OMPI_MCA_osc", "^rdma", 0);
    /* hwloc's plugins for displays and OpenCL look for an X server; MPI needs neither */
    setenv("HWLOC_COMPONENTS", "-gl,-opencl", 0);
    if (!ac_mpi_is_launched()) {
        /* alone, Open MPI starts a daemon for the ranks one might spawn: two seconds for
         * nothing */
        setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
        /* such processes share one folder in /tmp, which one removes while another makes it:
         * then MPI_Init fails; a rank alone needs none */
        setenv("OMPI_MCA_orte_create_session_dirs", "0", 0);
        /* a rank alone talks to nobody; other transports are loaded only to be asked, and
         * Omni-Path's library measures its clock for 0.2 s when it is loaded */
        setenv("OMPI_MCA_pml", "ob1", 0);
        setenv("OMPI_MCA_btl", "self", 0);
    }
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
