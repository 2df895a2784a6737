/**
 * The items of a run that have the same bytes, over all shards: known before any work where the
 * source knows its hashes (an image dataset). The first of them, by number, stands for all. The
 * list is a function of the input alone, so every rank and every start sees the same one,
 * whoever computes what.
 *
 * Rank 0 makes the list in 24 bytes per item and publishes it as RUN/journal/equal.items; every
 * rank maps the file, which has 16 bytes per item that has an equal one.
 */
#ifndef AC_JOBS_CAPTION_EQUAL_ITEMS_H
#define AC_JOBS_CAPTION_EQUAL_ITEMS_H

#include "io/file/map.h"
#include "io/source/image_source.h"
#include "jobs/runtime/run.h"

/** first: the lowest item with the same bytes and page; of that one, itself. */
typedef struct ac_equal_item {
    int64_t item, first;
} ac_equal_item;

/** Starts zeroed: nothing is known. */
typedef struct ac_equal_items {
    const ac_equal_item *list; /* [count], by item; in the map */
    int64_t count;
    bool known; /* the source knows its hashes: what is not listed has no equal one */
    ac_map map;
} ac_equal_items;

/** Collective, before the stages. images: as the run numbers them; they stay the caller's. */
AC_MUST_CHECK ac_status ac_equal_items_open_all(ac_equal_items *self, const ac_run *run,
                                                const ac_image_source *images);
void ac_equal_items_close(ac_equal_items *self);

/** The listed items in [first, first + count). */
const ac_equal_item *ac_equal_items_range(const ac_equal_items *self, int64_t first,
                                          int64_t count, int64_t *n);

/** How many images of a finished embed stage share the embedding of an equal one: by hash, not
 * by what was computed when. Where hashes are not known, those that are equal to one before
 * them in their shard. Local, for rank 0. */
AC_MUST_CHECK ac_status ac_equal_items_count(const ac_equal_items *self, const ac_run *run,
                                             const ac_image_source *images, int64_t *count);

#endif
