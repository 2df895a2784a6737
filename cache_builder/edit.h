/**
 * A cache made of another: without some entries, with those of a second cache, and with new
 * ones. Nothing that is embedded is embedded again.
 *
 * The new cache's entries, in order: those of the first cache that are not removed; those of
 * the second that are not removed and that are not there yet; the new ones that are not there
 * yet. Its shards are cut as build-cache cuts them.
 *
 * Life: set the caches, `removed` and `added`; ac_cache_edit_plan; embed the entries `fresh`;
 * ac_cache_edit_write.
 */
#ifndef AC_CACHE_BUILDER_EDIT_H
#define AC_CACHE_BUILDER_EDIT_H

#include "cache_builder/cache.h"

typedef struct ac_cache_edit {
    /* set by the caller, borrowed; zero where there is none */
    const ac_cache *cache, *merged;
    const ac_texts *removed, *added;
    int64_t shard_items; /* entries per shard */
    /* made by the plan */
    bool *keep[2];  /* [entries of cache], [entries of merged]: goes into the new cache? */
    ac_texts fresh; /* of `added`: those to be embedded */
    int64_t kept, joined;  /* entries of cache and of merged that go in */
    int64_t dropped;       /* entries removed */
    int64_t repeated;      /* of merged and added: there already */
    int64_t unknown;       /* of `removed`: no entry of either cache */
    int64_t first_unknown; /* the first of these, or -1 */
} ac_cache_edit;

void ac_cache_edit_free(ac_cache_edit *self);

/** AC_E_FORMAT naming both where the caches do not fit together, and where nothing would be
 * left. */
AC_MUST_CHECK ac_status ac_cache_edit_plan(ac_cache_edit *self);

/**
 * Write the new cache into the empty folder `folder`, its manifest last. embeddings: of
 * `fresh`, [fresh.count, dimension]. added_path: where `added` came from, "" where nothing did.
 */
AC_MUST_CHECK ac_status ac_cache_edit_write(const ac_cache_edit *self, const float *embeddings,
                                            const char *added_path, int64_t cut,
                                            ac_compression compression, const char *folder);

#endif
