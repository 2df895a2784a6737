#include "cache_builder/prefix_order.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/models/prefix_tree.h"

void
ac_token_lists_free(ac_token_lists *self)
{
    free(self->ids);
    free(self->offsets);
    *self = (ac_token_lists){ 0 };
}

void
ac_token_lists_reset(ac_token_lists *self)
{
    self->count = 0;
}

ac_status
ac_token_lists_push(ac_token_lists *self, const int32_t *ids, int64_t n)
{
    const int64_t used = self->count ? self->offsets[self->count] : 0;
    ac_status st = AC_OK;

    AC_TRY(
        ac_grow(&self->offsets, &self->offsets_room, self->count + 2, sizeof *self->offsets));
    AC_TRY(ac_grow(&self->ids, &self->ids_room, used + n, sizeof *self->ids));
    memcpy(self->ids + used, ids, (size_t) n * sizeof *ids);
    self->offsets[self->count] = used;
    self->offsets[++self->count] = used + n;
out:
    return st;
}

/* ---- sorting ---- */

/* A list's first tokens in one number: decides most comparisons without a look at the list. */
typedef struct sort_item {
    uint64_t key;
    int64_t number;
} sort_item;

/* Four tokens of 16 bits, 0 past the end. From a larger id on the key says no more: equal keys
 * are compared in full. */
static uint64_t
key_of(const int32_t *ids, int64_t n)
{
    uint64_t key = 0;
    bool large = false;

    for (int64_t i = 0; i < 4; i++) {
        const uint64_t id = i < n && !large ? (uint64_t) ids[i] + 1 : 0;
        large = large || id >= 0xffff;
        key = key << 16 | (id < 0xffff ? id : 0xffff);
    }
    return key;
}

static int
compare_items(const void *a, const void *b, void *context)
{
    const ac_token_lists *lists = context;
    const sort_item *x = a, *y = b;
    const int32_t *p = lists->ids + lists->offsets[x->number],
                  *q = lists->ids + lists->offsets[y->number];
    const int64_t n = ac_token_lists_length(lists, x->number),
                  m = ac_token_lists_length(lists, y->number);

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    for (int64_t i = 0; i < n && i < m; i++)
        if (p[i] != q[i])
            return p[i] < q[i] ? -1 : 1;
    return n != m ? (n > m) - (n < m) : (x->number > y->number) - (x->number < y->number);
}

ac_status
ac_prefix_order(const ac_token_lists *lists, int64_t *order)
{
    sort_item *items = NULL;
    ac_status st = ac_alloc(&items, lists->count, sizeof *items);

    if (st != AC_OK)
        return st;
    for (int64_t i = 0; i < lists->count; i++) {
        const int64_t n = ac_token_lists_length(lists, i);
        AC_CHECK(n > 0);
        items[i] = (sort_item){ key_of(lists->ids + lists->offsets[i], n), i };
    }
    qsort_r(items, (size_t) lists->count, sizeof *items, compare_items,
            (void *) (uintptr_t) lists);
    for (int64_t i = 0; i < lists->count; i++)
        order[i] = items[i].number;
    free(items);
    return AC_OK;
}

ac_status
ac_prefix_order_positions(const ac_token_lists *lists, const int64_t *order, int64_t unit,
                          int64_t max_nodes, int64_t *positions)
{
    ac_token_lists part = { 0 };
    ac_status st = AC_OK;

    *positions = 0;
    for (int64_t first = 0; first < lists->count; first += unit) {
        const int64_t n = lists->count - first < unit ? lists->count - first : unit;
        int64_t nodes;
        ac_token_lists_reset(&part);
        for (int64_t i = first; i < first + n; i++)
            AC_TRY(ac_token_lists_push(&part, lists->ids + lists->offsets[order[i]],
                                       ac_token_lists_length(lists, order[i])));
        for (int64_t i = 0; i < n; *positions += nodes)
            i += ac_prefix_tree_fit(part.ids, part.offsets + i, n - i, max_nodes, &nodes);
    }
out:
    ac_token_lists_free(&part);
    return st;
}
