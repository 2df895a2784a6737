/**
 * CLIP's text tower over a prefix tree: texts that begin alike share the computation of what
 * they share, which causal attention makes exact. A layer's products run over all nodes of the
 * tree at once, so the matrices are as tall as the tree has nodes, however long the texts are;
 * only attention looks along a node's ancestors.
 */
#ifndef AC_MODELS_CLIP_PREFIX_H
#define AC_MODELS_CLIP_PREFIX_H

#include "engine/models/clip.h"
#include "engine/models/prefix_tree.h"

/** Ids of a text up to and with the token whose output stands for it: what comes after it has
 * no influence. n >= 1. */
int64_t ac_clip_pooled_length(const ac_clip_config *config, const int32_t *ids, int64_t n);

size_t ac_clip_prefixes_scratch_bytes(const ac_clip *self, const ac_prefix_tree *tree);

/**
 * Texts truncated to their pooled length, as a tree. y [tree->texts, projection_dim], unit
 * length, in the order of the tree's texts. Equal to ac_clip_embed_texts but for rounding. The
 * bits depend on the tree alone, not on threads. Local. Cannot fail.
 */
void ac_clip_embed_prefixes(const ac_clip *self, float *y, const ac_prefix_tree *tree,
                            ac_scratch *scratch);

#endif
