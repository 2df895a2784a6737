#include "engine/models/prefix_tree.h"

#include <stdlib.h>

#include "engine/base/memory.h"

/* Leading tokens that sequences b - 1 and b have in common. */
static int64_t
shared_length(const int32_t *ids, const int64_t *offsets, int64_t b)
{
    const int32_t *x = ids + offsets[b - 1], *y = ids + offsets[b];
    const int64_t n = offsets[b] - offsets[b - 1], m = offsets[b + 1] - offsets[b];
    int64_t i = 0;

    while (i < n && i < m && x[i] == y[i])
        i++;
    AC_CHECK(i == n || (i < m && x[i] < y[i])); /* sorted */
    return i;
}

int64_t
ac_prefix_tree_fit(const int32_t *ids, const int64_t *offsets, int64_t texts, int64_t max_nodes,
                   int64_t *nodes)
{
    *nodes = texts ? offsets[1] - offsets[0] : 0;
    for (int64_t b = 1; b < texts; b++) {
        const int64_t more = offsets[b + 1] - offsets[b] - shared_length(ids, offsets, b);
        if (*nodes + more > max_nodes)
            return b;
        *nodes += more;
    }
    return texts;
}

static ac_status
reserve(ac_prefix_tree *self, int64_t nodes, int64_t texts)
{
    int64_t capacity;
    ac_status st = AC_OK;

    capacity = self->node_capacity;
    AC_TRY(ac_grow(&self->tokens, &capacity, nodes, sizeof *self->tokens));
    capacity = self->node_capacity;
    AC_TRY(ac_grow(&self->parents, &capacity, nodes, sizeof *self->parents));
    AC_TRY(ac_grow(&self->depths, &self->node_capacity, nodes, sizeof *self->depths));
    capacity = self->text_capacity;
    AC_TRY(ac_grow(&self->ends, &capacity, texts, sizeof *self->ends));
    AC_TRY(ac_grow(&self->leaf_of, &self->text_capacity, texts, sizeof *self->leaf_of));
out:
    return st;
}

ac_status
ac_prefix_tree_build(ac_prefix_tree *self, const int32_t *ids, const int64_t *offsets,
                     int64_t texts)
{
    int64_t nodes;
    int32_t last = -1; /* the node at which the previous sequence ends */
    ac_status st;

    ac_prefix_tree_fit(ids, offsets, texts, INT32_MAX, &nodes);
    st = reserve(self, nodes, texts);
    if (st != AC_OK)
        return st;
    self->nodes = self->leaves = 0;
    self->texts = texts;
    for (int64_t b = 0; b < texts; b++) {
        const int64_t n = offsets[b + 1] - offsets[b];
        int64_t depth = b ? shared_length(ids, offsets, b) : 0;
        int32_t parent = last;
        AC_CHECK(n > 0);
        while (parent >= 0 && self->depths[parent] >= depth)
            parent = self->parents[parent];
        if (b == 0 || depth < n) {
            for (; depth < n; depth++) {
                const int64_t node = self->nodes++;
                self->tokens[node] = ids[offsets[b] + depth];
                self->parents[node] = parent;
                self->depths[node] = (int32_t) depth;
                parent = (int32_t) node;
            }
            self->ends[self->leaves++] = last = parent;
        } /* else equal to the previous one, since a longer one sorts after */
        self->leaf_of[b] = (int32_t) (self->leaves - 1);
    }
    AC_CHECK(self->nodes == nodes);
    return AC_OK;
}

void
ac_prefix_tree_free(ac_prefix_tree *self)
{
    free(self->tokens);
    free(self->parents);
    free(self->depths);
    free(self->ends);
    free(self->leaf_of);
    *self = (ac_prefix_tree){ 0 };
}
