/** The rows of a run in the order of keys, as ranges of its shards: for what copies or shows
 * datasets. Of a run that was never updated each shard is one piece. */
#ifndef AC_JOBS_RUNTIME_ROW_PIECES_H
#define AC_JOBS_RUNTIME_ROW_PIECES_H

#include "jobs/runtime/item_walk.h"

/** Rows [row, row + rows) of a shard. */
typedef struct ac_row_piece {
    int64_t shard, row, rows;
} ac_row_piece;

/** Starts zeroed. */
typedef struct ac_row_pieces {
    ac_row_piece *list; /* [count], owned */
    int64_t count, capacity;
} ac_row_pieces;

/** Local. Of shards that are through the options' stages; its rows alone are walked over. */
AC_MUST_CHECK ac_status ac_row_pieces_find(ac_row_pieces *self,
                                           const ac_item_walk_options *options);
void ac_row_pieces_free(ac_row_pieces *self);

#endif
