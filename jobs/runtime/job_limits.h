/**
 * What this process may use of its machine: the least of what the machine has, what its cgroup
 * and every group above it allow (v1 and v2), what Slurm gave the job, and its affinity; and
 * which of them that is.
 */
#ifndef AC_JOBS_RUNTIME_JOB_LIMITS_H
#define AC_JOBS_RUNTIME_JOB_LIMITS_H

#include <stdint.h>

enum { AC_LIMIT_FROM = 200 };

typedef struct ac_job_limits {
    int64_t memory;                  /* bytes per node */
    int64_t cores;                   /* of the node, for all its ranks; at least 1 */
    char memory_from[AC_LIMIT_FROM]; /* "the machine", or what allows less */
    char cores_from[AC_LIMIT_FROM];
} ac_job_limits;

/** Local. What cannot be read limits nothing. root: in front of /proc and /sys, for tests; ""
 * is this machine. The affinity of a rank that a launcher has bound is left out: that is this
 * rank's alone (ac_mpi_threads). */
void ac_job_limits_read(ac_job_limits *self, const char *root);

#endif
