/**
 * The stage of the job ingest: images -> shards of an image dataset (io/hdf5/schema.h,
 * docs/FORMATS.md). A shard's images are read ahead by threads (read_ahead.h), and written as
 * they come, so that a shard needs no memory for all of them. Nothing of a shard depends on the
 * ranks or threads.
 */
#ifndef AC_JOBS_INGEST_STAGE_H
#define AC_JOBS_INGEST_STAGE_H

#include "engine/image/recipe.h"
#include "io/source/image_source.h"
#include "jobs/runtime/stage.h"

extern const ac_stage_type ac_stage_ingest;

/** The context of ac_stage_ingest. Borrows all; what is not set is zero. */
typedef struct ac_ingest_work {
    const ac_image_source *images;
    ac_preprocess_recipe recipe;  /* of ingest.store: pixels */
    struct ac_ingester *ingester; /* the stage's own memory */
} ac_ingest_work;

/**
 * How many items make up a shard, by ingest.shard_bytes and output.shard_items. Local; reads
 * some items' sizes, so it is for rank 0. The same for the same config and input.
 */
AC_MUST_CHECK ac_status ac_ingest_shard_items(const ac_config *config,
                                              const ac_image_source *images,
                                              const ac_preprocess_recipe *recipe,
                                              int64_t *items);

#endif
