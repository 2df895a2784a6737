/**
 * A stage is a row: all that the run, status, verify, the merge and submit know of it, and the
 * three functions that do its work. Rows are constants of the job's own folder; they live as
 * long as the program. The loop that works by a row is ac_stage_run_all (stage.h).
 */
#ifndef AC_JOBS_RUNTIME_STAGE_TYPE_H
#define AC_JOBS_RUNTIME_STAGE_TYPE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/status.h"
#include "io/hdf5/schema.h"

struct ac_stage;

/** A shard in flight: items [first, first + count). */
typedef struct ac_stage_shard {
    int64_t number, first, count;
    const char *path; /* where the rank `root` publishes it */
    int root;         /* of a collective stage: they take turns; else this rank */
    /* set by the rank `root` for the shard that it published */
    int64_t rows, bad;
    char checksum[33];
} ac_stage_shard;

/** How the shards that are not done come to the ranks. */
typedef enum ac_stage_sharing {
    AC_SHARDS_CLAIMED = 0, /* each rank claims the next one when it has time */
    AC_SHARDS_RANGES,      /* each rank has a range: what it reads for one serves the next */
    AC_SHARDS_TOGETHER     /* collective: all ranks work on one after the other, in rounds of as
                              many as there are ranks: each is the root of one */
} ac_stage_sharing;

typedef struct ac_stage_type {
    const char *name;   /* "embed": in manifest, journal and progress; at most 15 bytes */
    const char *folder; /* "embeddings": its shards are RUN/embeddings/00000.h5, … */
    const char *unit;   /* "images": what its progress counts */
    const ac_shard_schema *schema; /* what stands in its shards */
    ac_stage_sharing sharing;
    bool temporary; /* its shards are removed once the run is done, and then not missed */
    /* Deaths with an item in flight before it becomes a suspect: 1, or 2 where probes are slow.
     */
    int crashes_before_probe;

    /* `context` is the job's. The functions of a collective stage are collective: they agree
     * on failures before each exchange. Those of the others are local. */

    /** Memory for shards. NULL: none is needed. Not called where every shard is done. */
    ac_status (*open)(void *context, struct ac_stage *stage);
    /** Compute a shard and publish its file (HDF5: ac_h5_commit); ac_stage_tick between
     * batches. What is in flight is told to stage->run->inflight. */
    ac_status (*shard)(void *context, struct ac_stage *stage, ac_stage_shard *shard);
    /** Of a collective stage alone, whose `shard` only computes: local, publish the file of the
     * shard that this rank was the root of. Called once all ranks' shards are computed, so that
     * all write at the same time. */
    ac_status (*write)(void *context, struct ac_stage *stage, ac_stage_shard *shard);
    /** Local. After open, also where that failed, and where it was not called. */
    void (*close)(void *context);
} ac_stage_type;

/** The row with this name in `stages` (NULL at the end); NULL: none has it. */
const ac_stage_type *ac_stage_type_find(const ac_stage_type *const *stages, const char *name);

#endif
