/**
 * A stage is a row: what the run, status, verify, the merge and submit must know of it. Rows
 * are constants of the job's own folder; they live as long as the program.
 */
#ifndef AC_JOBS_RUNTIME_STAGE_TYPE_H
#define AC_JOBS_RUNTIME_STAGE_TYPE_H

#include <stdbool.h>

#include "io/hdf5/schema.h"

typedef struct ac_stage_type {
    const char *name;   /* "embed": in manifest, journal and progress; at most 15 bytes */
    const char *folder; /* "embeddings": its shards are RUN/embeddings/00000.h5, … */
    const char *unit;   /* "images": what its progress counts */
    const ac_shard_schema *schema; /* what stands in its shards */
    bool collective; /* all ranks work on a shard together; else each rank claims shards of its
                        own */
    bool temporary;  /* its shards are removed once the run is done, and then not missed */
    int crashes_before_probe; /* deaths with an item in flight before it becomes a suspect: 1,
                                 or 2 where a probe is dear */
} ac_stage_type;

#endif
