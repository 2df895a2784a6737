/**
 * The items of a run in the order of their keys, each with the row of the shard that holds it:
 * what merge, report and export go by. Of a run that was never updated these are the rows of
 * its shards, one shard after the other. Of an updated one they are those of the last list of
 * items (item_list.h); what left the input, and what was computed again, is passed over.
 */
#ifndef AC_JOBS_RUNTIME_ITEM_WALK_H
#define AC_JOBS_RUNTIME_ITEM_WALK_H

#include "jobs/runtime/item_list.h"
#include "jobs/runtime/manifest.h"
#include "jobs/runtime/shard_view.h"

/** Borrowed bytes. */
typedef struct ac_item_text {
    const char *bytes;
    size_t size;
} ac_item_text;

/** What is walked over, and how. Borrows all. */
typedef struct ac_item_walk_options {
    const char *folder;
    const ac_manifest *manifest;
    const ac_stage_type *const *stages; /* rows of the manifest's stages */
    unsigned parts;                     /* AC_VIEW_…, of the shards that are read */
    int through;                        /* items of shards that are not through the first so
                                           many stages are passed over */
    bool rows, rejected;                /* which items are wanted */
    bool checked;          /* compare files with their checksums before they are opened */
    int64_t share, shares; /* shards that are `share` modulo `shares` alone; shares 0: all */
} ac_item_walk_options;

struct ac_walk_slot;

/** Starts zeroed. */
typedef struct ac_item_walk {
    /* the present item: row `row` of `view`; -1: a rejected item */
    const ac_shard_view *view;
    int64_t row, shard;
    int64_t place; /* the shard that would have it in a run of the input as it is */
    ac_item_text key, reason, detail; /* of a rejected item; `key` of both */

    ac_item_walk_options options;
    ac_item_list_reader list;
    ac_listed_item item;
    struct ac_walk_slot *slots; /* [generations]: the shard of each that is in memory */
    int64_t slot_count, loaded, clock;
    bool updated;
} ac_item_walk;

/** Local. Before the first item. AC_E_FORMAT where an updated run has lost its list. */
AC_MUST_CHECK ac_status ac_item_walk_open(ac_item_walk *self,
                                          const ac_item_walk_options *options);
/** The next item; what was given of the one before is over. @param[out] found  false: there is
 * none */
AC_MUST_CHECK ac_status ac_item_walk_next(ac_item_walk *self, bool *found);
void ac_item_walk_close(ac_item_walk *self);

#endif
