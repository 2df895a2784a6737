/** What a job needs of a node's memory, told before it runs: from the models' files and
 * configs, the cache, and the batch. */
#ifndef AC_JOBS_CLI_COMMANDS_SIZING_H
#define AC_JOBS_CLI_COMMANDS_SIZING_H

#include <stdbool.h>

#include "io/config/config.h"

/** Bytes. */
typedef struct ac_sizing {
    int64_t mapped;   /* models' files, mapped: once a node */
    int64_t packed;   /* weights laid out for the kernels: once a node (engine/comm/shared.h) */
    int64_t work;     /* a shard's items and a batch's intermediate values: each rank */
    int64_t program;  /* the program and its libraries: each rank */
    int64_t cache;    /* embeddings, entries and the scan's copy: split over all ranks */
    bool cache_known; /* false: it is not built yet */
} ac_sizing;

/** For a job with this config. What cannot be read (a model that is not there) is a failure
 * that names it. */
AC_MUST_CHECK ac_status ac_sizing_estimate(ac_sizing *out, const ac_config *config,
                                           const char *job);

/** A node's share. */
int64_t ac_sizing_node_bytes(const ac_sizing *self, int64_t nodes, int64_t ranks_per_node);

#endif
