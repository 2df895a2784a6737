#include "jobs/cli/mpi_start.h"

#include <limits.h>
#include <mpi.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jobs/runtime/job_limits.h"

bool
ac_mpi_is_launched(void)
{
    /* Open MPI's mpirun; PMIx, srun's and PRRTE's; MPICH's launchers and srun's pmi2 */
    return getenv("OMPI_COMM_WORLD_SIZE") || getenv("PMIX_RANK") || getenv("PMI_RANK");
}

void
ac_mpi_forget_launcher(void)
{
    static const char *const set[] = { "PMI_",           "PMI2_",
                                       "PMIX_",          "OMPI_COMM_WORLD_",
                                       "OMPI_MCA_orte_", "OMPI_MCA_ess" };
    char name[128];

    for (char **at = environ; *at;) {
        bool is = false;
        for (size_t i = 0; i < sizeof set / sizeof *set; i++)
            is = is || strncmp(*at, set[i], strlen(set[i])) == 0;
        is = is && strncmp(*at, "PMIX_MCA_", 9) != 0 && strcspn(*at, "=") < sizeof name;
        if (is) {
            snprintf(name, sizeof name, "%.*s", (int) strcspn(*at, "="), *at);
            unsetenv(name); /* the next takes its place */
        } else {
            at++;
        }
    }
}

void
ac_mpi_prepare(void)
{
#if defined OMPI_MAJOR_VERSION && OMPI_MAJOR_VERSION < 5
    /* Open MPI 4.1 prefers osc/rdma between nodes, whose windows fail over TCP (MPI_ERR_WIN):
     * sm, ucx and pt2pt are left. Open MPI 5 has no pt2pt, and its rdma works over TCP */
    setenv("OMPI_MCA_osc", "^rdma", 0);
#endif
    /* hwloc's plugins for displays and OpenCL look for an X server; MPI needs neither */
    setenv("HWLOC_COMPONENTS", "-gl,-opencl", 0);
    if (!ac_mpi_is_launched()) {
        /* srun --mpi=none, as of an interactive job: Open MPI would end, because no PMI is
         * there */
        unsetenv("SLURM_STEP_ID");
        unsetenv("SLURM_STEPID");
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
        /* a rank alone talks to nobody; other transports are loaded only to be asked, and
         * Omni-Path's library measures its clock for 0.2 s when it is loaded */
        setenv("OMPI_MCA_pml", "ob1", 0);
        setenv("OMPI_MCA_btl", "self", 0);
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

/* ---- threads ---- */

/* Is a process of this name one that starts ranks, and binds them? */
static bool
is_launcher(const char *name)
{
    static const char *const names[] = { "mpirun", "mpiexec", "orterun",   "orted",
                                         "prte",   "hydra",   "slurmstepd" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(name, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

/* The name of a process, and its parent; false: it cannot be told. */
static bool
look_at_process(int pid, char name[32], int *parent)
{
    char path[64], line[512], *end;
    FILE *f;
    bool good;

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    if (!(f = fopen(path, "re")))
        return false;
    good = fgets(line, sizeof line, f) && (end = strrchr(line, ')')) &&
           sscanf(line, "%*d (%31[^)]", name) == 1 && sscanf(end + 1, " %*c %d", parent) == 1;
    fclose(f);
    return good;
}

/* How many cores the launcher may use, which it may have divided among its ranks; 0: no
 * launcher is among the processes above this one. */
static int
launcher_cores(void)
{
    int pid = getppid();
    char name[32];
    cpu_set_t set;

    for (int depth = 0; depth < 8 && pid > 1; depth++) {
        int parent;
        if (!look_at_process(pid, name, &parent))
            return 0;
        if (is_launcher(name))
            return sched_getaffinity(pid, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
        pid = parent;
    }
    return 0;
}

/* What this rank is bound to. */
static int
own_cores(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0 ? CPU_COUNT(&set)
                                                                              : INT_MAX;
}

/* A rank's share of the node, whatever it is bound to. */
static int
share_of_cores(const ac_comm *comm)
{
    const char *given = getenv("SLURM_CPUS_PER_TASK");
    const int ranks = comm ? comm->node_size : 1, launcher = launcher_cores();
    ac_job_limits limits;
    int cores;

    if (given && atoi(given) > 0)
        return atoi(given);
    ac_job_limits_read(&limits, "");
    cores = (int) limits.cores;
    if (launcher && launcher < cores)
        cores = launcher;
    return cores > ranks ? cores / ranks : 1;
}

int
ac_mpi_threads(const ac_comm *comm)
{
    const int share = share_of_cores(comm), own = own_cores();

    return own < share ? own : share;
}

bool
ac_mpi_is_bound_short(const ac_comm *comm, int *own, int *share)
{
    *own = own_cores();
    *share = share_of_cores(comm);
    return ac_mpi_is_launched() && *own < *share;
}
