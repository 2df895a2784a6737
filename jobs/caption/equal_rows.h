/**
 * Rows of earlier shards for images that have the same bytes (equal_items.h): what was computed
 * and published is read, and not computed again. Whether that is so is no part of any result:
 * what is not there yet is computed, with the same bits.
 */
#ifndef AC_JOBS_CAPTION_EQUAL_ROWS_H
#define AC_JOBS_CAPTION_EQUAL_ROWS_H

#include "io/hdf5/shard_file.h"
#include "jobs/caption/equal_items.h"

/** What to look for: items of the shard [first, first + count) of this stage. Borrows all. */
typedef struct ac_equal_rows {
    const ac_run *run;
    const ac_equal_items *items; /* NULL: nothing is shared */
    const ac_image_source *images;
    int stage;
    ac_dataset_id keys; /* of the stage's shards */
    int64_t first, count;
    /* Row `row` of the open shard is the item's. A failure but AC_E_NOMEM means that the item
     * is computed: nothing may be half taken. */
    ac_status (*take)(void *context, const ac_h5_reader *shard, int64_t row, int64_t item);
    void *context;
} ac_equal_rows;

/** Does the shard hold an image that is equal to one of an earlier shard? A function of the
 * input: the same on all ranks. */
bool ac_equal_rows_any(const ac_equal_rows *self);

/** Local. Calls `take` for one image of each kind that is found in an earlier shard. AC_E_NOMEM
 * alone is a failure. */
AC_MUST_CHECK ac_status ac_equal_rows_find(const ac_equal_rows *self);

/** The row of a shard [first, …) with these keys that is the item's; -1: none. */
AC_MUST_CHECK ac_status ac_equal_rows_row(const ac_texts *keys, int64_t first,
                                          const ac_image_source *images, int64_t item,
                                          int64_t *row);

/** Local, rank 0, before the stage: files of shards that are not done are removed. From then on
 * what is there under its name was published by this attempt. Failures are none: such a shard
 * is published in its place. */
AC_MUST_CHECK ac_status ac_equal_rows_remove_undone(const ac_run *run, int stage);

#endif
