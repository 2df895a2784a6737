#include "jobs/runtime/row_pieces.h"

#include <stdlib.h>

#include "engine/base/memory.h"

static ac_status
add(ac_row_pieces *self, int64_t shard, int64_t row, int64_t rows)
{
    ac_row_piece *last = self->count ? &self->list[self->count - 1] : NULL;
    ac_status st;

    if (last && last->shard == shard && last->row + last->rows == row) {
        last->rows += rows;
        return AC_OK;
    }
    st = ac_grow(&self->list, &self->capacity, self->count + 1, sizeof *self->list);
    if (st == AC_OK)
        self->list[self->count++] = (ac_row_piece){ shard, row, rows };
    return st;
}

/* All rows of all shards. */
static ac_status
add_shards(ac_row_pieces *self, const ac_item_walk_options *o)
{
    ac_status st = AC_OK;

    for (int64_t i = 0; i < o->manifest->shard_count && st == AC_OK; i++) {
        bool is_through = true;
        for (int s = 0; s < o->through; s++)
            is_through = is_through && o->manifest->stages[s].shards[i].done;
        if (is_through)
            st = add(self, i, 0, o->manifest->stages[0].shards[i].rows);
    }
    return st;
}

ac_status
ac_row_pieces_find(ac_row_pieces *self, const ac_item_walk_options *options)
{
    ac_item_walk walk = { 0 };
    ac_status st = AC_OK;
    bool found;

    *self = (ac_row_pieces){ 0 };
    if (!options->manifest->generation_count)
        return add_shards(self, options);
    AC_TRY(ac_item_walk_open(&walk, options));
    for (;;) {
        AC_TRY(ac_item_walk_next(&walk, &found));
        if (!found)
            break;
        AC_TRY(add(self, walk.shard, walk.row, 1));
    }
out:
    ac_item_walk_close(&walk);
    return st;
}

void
ac_row_pieces_free(ac_row_pieces *self)
{
    free(self->list);
    *self = (ac_row_pieces){ 0 };
}
