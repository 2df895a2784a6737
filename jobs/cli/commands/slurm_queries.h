/** What Slurm says of its nodes and of a run's jobs. Where it does not answer within ten
 * seconds, that is told, and is no error. */
#ifndef AC_JOBS_CLI_COMMANDS_SLURM_QUERIES_H
#define AC_JOBS_CLI_COMMANDS_SLURM_QUERIES_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

#include "engine/base/status.h"

enum { AC_SLURM_MOST_JOBS = 32 };

/** The nodes of a partition. */
typedef struct ac_slurm_nodes {
    bool answered; /* Slurm is in reach; all else is 0 where it is not */
    int64_t count; /* of several partitions the largest one's; 0: there is no such partition */
    int64_t cores, memory; /* of the smallest node; memory in bytes */
    char partitions[256];  /* the names of all that there are: "main, gpu" */
} ac_slurm_nodes;

/** partition: as sbatch takes it, one name or several with commas between; NULL: the cluster's
 * default. */
void ac_slurm_nodes_ask(ac_slurm_nodes *out, const char *partition);

/** How many tasks an array may have, and which of Slurm's settings says so: MaxArraySize, or
 * max_array_tasks of SchedulerParameters. false: Slurm does not answer. */
bool ac_slurm_array_ask(int64_t *most, const char **name);

/** The jobs of a run, as jobs.jsonl (written by submit) and attempts.jsonl (by the runs) name
 * them. */
typedef struct ac_slurm_jobs {
    int64_t ids[AC_SLURM_MOST_JOBS];
    int count;
    int64_t last_submitted; /* 0: none was by submit */
} ac_slurm_jobs;

/** From the files of the run folder; one that does not exist adds nothing. */
AC_MUST_CHECK ac_status ac_slurm_jobs_read(ac_slurm_jobs *self, const char *run);

/** Their state in Slurm's queue. */
typedef struct ac_slurm_queue {
    bool answered;   /* Slurm is in reach */
    int waiting;     /* jobs that run or will run; not those that are just ending */
    char text[1024]; /* all in the queue, "12 RUNNING (None), 13 PENDING (Dependency)"; or "" */
} ac_slurm_queue;

void ac_slurm_queue_ask(ac_slurm_queue *out, const ac_slurm_jobs *jobs);

#endif
