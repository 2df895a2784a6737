/** What a job needs of a node's memory, told before it runs: from the models' files and
 * configs, the cache, and the batch. */
#ifndef AC_JOBS_RUNTIME_SIZING_H
#define AC_JOBS_RUNTIME_SIZING_H

#include <stdbool.h>

#include "io/config/config.h"

/** Bytes. */
typedef struct ac_sizing {
    int64_t mapped; /* models' files, mapped: once per node */
    int64_t packed; /* weights laid out for the kernels: once per node (engine/comm/shared.h) */
    int64_t work;   /* a shard's items and a batch's intermediate values: each rank */
    int64_t program;  /* the program and its libraries: each rank */
    int64_t cache;    /* embeddings, entries and the scan's copy: split over all ranks */
    int64_t more;     /* per node: with which the job works faster, and not needed */
    bool cache_known; /* false: it is not built yet */
    int64_t width;    /* of CLIP's embeddings, once ac_sizing_add_clip has read it */
} ac_sizing;

/** A job's own estimate, by the functions below. What cannot be read (a model that is not
 * there) is a failure that names it. */
typedef ac_status (*ac_job_size)(ac_sizing *self, const ac_config *config);

/** The program alone. */
void ac_sizing_init(ac_sizing *self);

/** CLIP: packed weights of these towers (AC_CLIP_VISION, AC_CLIP_TEXT), a shard's embeddings, a
 * batch's values. */
AC_MUST_CHECK ac_status ac_sizing_add_clip(ac_sizing *self, const ac_config *config,
                                           unsigned towers);

/** BART generating: cached keys and values of all candidates in flight, cross-attention's of
 * their images, logits. */
AC_MUST_CHECK ac_status ac_sizing_add_bart(ac_sizing *self, const ac_config *config);

/** BART training: what the forward pass saves for the backward pass, the trainer's own packed
 * weights. */
AC_MUST_CHECK ac_status ac_sizing_add_bart_trainer(ac_sizing *self, const ac_config *config);

/** A causal model generating, with `cache_bytes` for keys and values. */
AC_MUST_CHECK ac_status ac_sizing_add_causal(ac_sizing *self, const ac_config *config,
                                             int64_t cache_bytes);

/** The cache at cache.path: a folder tells its entries, a text file has one per line. After
 * ac_sizing_add_clip. */
void ac_sizing_add_cache(ac_sizing *self, const ac_config *config);

/** A node's share. */
int64_t ac_sizing_node_bytes(const ac_sizing *self, int64_t nodes, int64_t ranks_per_node);

#endif
