#include "jobs/cli/commands/submit_resources.h"
#include "jobs/cli/terminal.h"

#include <stdio.h>
#include <string.h>

#include "jobs/runtime/job_limits.h"

enum { CORES_A_RANK = 8, LEAST_ASKED = 1 << 30 };

/* The partition and how many nodes of it. */
static ac_status
check_partition(const ac_submit_request *self, const char *partition)
{
    const ac_slurm_nodes *slurm = &self->slurm;

    if (slurm->answered && slurm->count == 0 && partition)
        return ac_error_set(AC_E_ARG,
                            "--partition %s: there is no such partition (Slurm has: %s)",
                            partition, slurm->partitions);
    if (slurm->answered && slurm->count == 0)
        return ac_error_set(
            AC_E_ARG, "this Slurm has no default partition: give --partition (there are: %s)",
            slurm->partitions);
    if (slurm->answered && self->nodes > slurm->count)
        return ac_error_set(AC_E_ARG, "--nodes %lld, but the partition has %lld",
                            (long long) self->nodes, (long long) slurm->count);
    return AC_OK;
}

/* --array against the cluster's limit, which counts from task 0. */
static ac_status
check_array_size(const ac_submit_request *self)
{
    const char *name;
    int64_t most;

    if (!self->array || !self->slurm.answered || !ac_slurm_array_ask(&most, &name) ||
        self->array <= most)
        return AC_OK;
    return ac_error_set(
        AC_E_LIMIT,
        "--array %lld, but this Slurm allows %lld tasks (%s): give --array %lld "
        "or less; each part is then larger",
        (long long) self->array, (long long) most, name, (long long) most);
}

/* The smallest node of the partition; where Slurm does not answer, this machine, which may be
 * larger or smaller than a node: then limits.memory is believed. */
static ac_status
ask_nodes(ac_submit_request *self)
{
    const char *partition = ac_arguments_get(self->a, "partition");
    const int64_t given = self->config.limits.memory;
    ac_job_limits here;
    ac_status st = AC_OK;

    ac_slurm_nodes_ask(&self->slurm, partition);
    AC_TRY(check_partition(self, partition));
    AC_TRY(check_array_size(self));
    ac_job_limits_read(&here, "");
    self->cores = self->slurm.answered ? self->slurm.cores : here.cores;
    self->memory = self->slurm.answered ? self->slurm.memory : here.memory;
    snprintf(self->memory_from, sizeof self->memory_from, "%s",
             self->slurm.answered ? "all that a node has" : here.memory_from);
    if (self->slurm.answered && self->memory <= 1 << 20) /* RealMemory was never set */
        self->memory = INT64_MAX;
    if (given && self->slurm.answered && given > self->memory)
        AC_FAIL(AC_E_LIMIT, "not submitted: limits.memory is %lld MB, but a node has %lld MB",
                (long long) (given >> 20), (long long) (self->memory >> 20));
    if (given) {
        self->memory = given;
        snprintf(self->memory_from, sizeof self->memory_from, "limits.memory");
    }
out:
    return st;
}

/* What the job will use: limits.memory where it is set; else the estimate and half as much
 * again, and what a job that works faster with more memory makes use of. */
static void
choose_memory(ac_submit_request *self)
{
    int64_t asked = self->needed + self->needed / 2 + self->sizing.more;

    if (self->config.limits.memory)
        asked = self->config.limits.memory;
    else if (asked < LEAST_ASKED)
        asked = LEAST_ASKED;
    self->asked = asked < self->memory ? asked : self->memory;
}

static void
print_asked(const ac_submit_request *self)
{
    const long long cpus = (long long) (self->ranks * self->threads);

    ac_terminal_print("  asked for        ");
    switch ((ac_slurm_memory) self->config.slurm.memory) {
    case AC_SLURM_MEMORY_NONE:
        ac_terminal_print(
            "%lld CPUs per node, and memory as the cluster gives it (slurm.memory: none)\n",
            cpus);
        break;
    case AC_SLURM_MEMORY_NODE:
    case AC_SLURM_MEMORY_PER_CPU:
        ac_terminal_print(
            "%lld CPUs and %lld MB per node%s: %s\n", cpus, (long long) (self->asked >> 20),
            self->config.slurm.memory == AC_SLURM_MEMORY_NODE ? "" : ", divided by its CPUs",
            self->asked == self->memory ? self->memory_from
            : self->sizing.more         ? "the estimate, half as much again, and tables of "
                                          "n-grams"
                                        : "the estimate and half as much again");
        break;
    }
}

static void
print_sizes(const ac_submit_request *self)
{
    const ac_sizing *s = &self->sizing;
    const double MB = 1 << 20;
    char memory[32] = "memory not known";

    if (self->memory != INT64_MAX)
        snprintf(memory, sizeof memory, "%.0f MB", (double) self->memory / MB);
    ac_terminal_print("  a node has       %lld cores, %s%s%s\n", (long long) self->cores,
                      memory, self->config.limits.memory ? " (limits.memory)" : "",
                      self->slurm.answered ? "" : " (this machine: Slurm does not answer)");
    ac_terminal_print("  to be started    nodes %lld x ranks %lld x threads %lld%s\n",
                      (long long) self->nodes, (long long) self->ranks,
                      (long long) self->threads, self->array ? ", for each part" : "");
    ac_terminal_print(
        "  memory per node  %.0f MB = models' files %.0f + packed weights %.0f + ranks %lld "
        "x (batch %.0f + program %.0f) + cache slice %.0f%s\n",
        (double) self->needed / MB, (double) s->mapped / MB, (double) s->packed / MB,
        (long long) self->ranks, (double) s->work / MB, (double) s->program / MB,
        (double) s->cache / (double) self->nodes / MB,
        s->cache_known ? "" : " (the cache is not there yet: not counted)");
}

/* Ranks and threads; refused where the node cannot hold them. */
static ac_status
fit(ac_submit_request *self)
{
    const bool given = ac_arguments_has(self->a, "ranks-per-node");

    if (!given)
        self->ranks = self->cores / CORES_A_RANK > 1 ? self->cores / CORES_A_RANK : 1;
    while (!given && self->ranks > 1 &&
           ac_sizing_node_bytes(&self->sizing, self->nodes, self->ranks) > self->memory)
        self->ranks--;
    self->threads = self->cores / self->ranks > 1 ? self->cores / self->ranks : 1;
    self->needed = ac_sizing_node_bytes(&self->sizing, self->nodes, self->ranks);
    choose_memory(self);
    print_sizes(self);
    if (self->ranks > self->cores)
        return ac_error_set(AC_E_ARG, "--ranks-per-node %lld, but a node has %lld cores",
                            (long long) self->ranks, (long long) self->cores);
    if (self->needed > self->memory)
        return ac_error_set(AC_E_LIMIT,
                            "not submitted: a node would need %lld MB and has %lld%s; use more "
                            "nodes (the cache is split over them), "
                            "fewer ranks per node, or a smaller output.shard_items",
                            (long long) (self->needed >> 20), (long long) (self->memory >> 20),
                            self->config.limits.memory ? " (limits.memory)" : "");
    print_asked(self);
    return AC_OK;
}

ac_status
ac_submit_resources_find(ac_submit_request *self)
{
    ac_status st = AC_OK;

    AC_TRY(ask_nodes(self));
    ac_sizing_init(&self->sizing);
    if (self->job->size)
        AC_TRY(self->job->size(&self->sizing, &self->config));
    st = fit(self);
out:
    return st;
}
