/** The order in which entries are embedded: sorted by token ids, so that those that begin alike
 * stand together. */
#ifndef AC_CACHE_BUILDER_PREFIX_ORDER_H
#define AC_CACHE_BUILDER_PREFIX_ORDER_H

#include <stdint.h>

#include "engine/base/status.h"

/** Token ids of entries, one list after the other. Starts zeroed; owns its memory, which is
 * kept between uses. */
typedef struct ac_token_lists {
    int32_t *ids;     /* [offsets[count]] */
    int64_t *offsets; /* [count + 1] */
    int64_t count, ids_room, offsets_room;
} ac_token_lists;

void ac_token_lists_free(ac_token_lists *self);
void ac_token_lists_reset(ac_token_lists *self);
AC_MUST_CHECK ac_status ac_token_lists_push(ac_token_lists *self, const int32_t *ids,
                                            int64_t n);
static inline int64_t
ac_token_lists_length(const ac_token_lists *self, int64_t i)
{
    return self->offsets[i + 1] - self->offsets[i];
}

/** order [count]: the lists' numbers, sorted by ids, then by number. */
AC_MUST_CHECK ac_status ac_prefix_order(const ac_token_lists *lists, int64_t *order);

/**
 * Positions that the text tower computes for all lists, `unit` of them (in this order) at a
 * time, in trees of at most max_nodes nodes each.
 */
AC_MUST_CHECK ac_status ac_prefix_order_positions(const ac_token_lists *lists,
                                                  const int64_t *order, int64_t unit,
                                                  int64_t max_nodes, int64_t *positions);

#endif
