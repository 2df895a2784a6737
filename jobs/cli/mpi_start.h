/** MPI for a job or command: is there a launcher, what must be set before MPI_Init, how many
 * threads a rank has. */
#ifndef AC_JOBS_CLI_MPI_START_H
#define AC_JOBS_CLI_MPI_START_H

#include <stdbool.h>

#include "engine/comm/comm.h"

/** By mpirun or srun: there may be other ranks. */
bool ac_mpi_is_launched(void);

/** For child processes that are to be alone: a rank that starts them leaves them none of the
 * variables that tell of its own launcher. PMIX_MCA_* are the user's, and stay. */
void ac_mpi_forget_launcher(void);

/** The environment that MPI_Init is to see. */
void ac_mpi_prepare(void);

/** Does this rank see the others that its launcher started? AC_E_ARG where the launcher is
 * another MPI's: every rank would take itself for the only one, and do all the work. */
AC_MUST_CHECK ac_status ac_mpi_check_launcher(const ac_comm *comm);

/** This rank's share of the node's cores that the job may use (jobs/runtime/job_limits.h), and
 * no more than it is bound to; under Slurm, what a task was given. comm NULL: one process. */
int ac_mpi_threads(const ac_comm *comm);

/** Has the launcher bound this rank to fewer cores (own) than are its share of those that the
 * job may use? */
bool ac_mpi_is_bound_short(const ac_comm *comm, int *own, int *share);

#endif
