/**
 * Sorted token sequences as a tree: each distinct prefix is one node. Nodes stand in
 * depth-first order, a parent before its children.
 */
#ifndef AC_MODELS_PREFIX_TREE_H
#define AC_MODELS_PREFIX_TREE_H

#include <stdint.h>

#include "engine/base/status.h"

/** Starts zeroed; memory is reused between builds. */
typedef struct ac_prefix_tree {
    int64_t nodes, texts, leaves;
    int32_t *tokens;  /* [nodes] */
    int32_t *parents; /* [nodes]; -1: a first token */
    int32_t *depths;  /* [nodes]: the token's position in its text */
    int32_t *ends;    /* [leaves]: the nodes at which texts end, each once */
    int32_t *leaf_of; /* [texts]: text b ends at node ends[leaf_of[b]]; equal texts share it */
    int64_t node_capacity, text_capacity;
} ac_prefix_tree;

/** Sequence b is ids[offsets[b] .. offsets[b + 1]); none is empty, and they are sorted
 * (AC_CHECK). */
AC_MUST_CHECK ac_status ac_prefix_tree_build(ac_prefix_tree *self, const int32_t *ids,
                                             const int64_t *offsets, int64_t texts);
void ac_prefix_tree_free(ac_prefix_tree *self);

/**
 * How many of the sequences make a tree of at most max_nodes nodes: at least one.
 * @param[out] nodes  of that tree
 */
int64_t ac_prefix_tree_fit(const int32_t *ids, const int64_t *offsets, int64_t texts,
                           int64_t max_nodes, int64_t *nodes);

#endif
