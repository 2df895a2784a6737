/**
 * Several caches searched as one: their entries are numbered one cache after the other, in the
 * order in which the caches were added. One cache alone is itself: its entries keep their ids,
 * and the fingerprint is its own.
 */
#ifndef AC_CACHE_BUILDER_CACHE_SET_H
#define AC_CACHE_BUILDER_CACHE_SET_H

#include "cache_builder/cache.h"

/** Starts zeroed; owns everything. */
typedef struct ac_cache_set {
    ac_cache *caches; /* [count] */
    int64_t *first;   /* [count]: the number of each cache's first entry */
    int64_t count, room, first_room;
    int64_t entries, dimension; /* of all */
    char fingerprint[33];
} ac_cache_set;

void ac_cache_set_close(ac_cache_set *self);

/** Takes `cache` over, on failure too. The caller has checked that the caches' models agree
 * (ac_cache_check_model). */
AC_MUST_CHECK ac_status ac_cache_set_add_take(ac_cache_set *self, ac_cache *cache);

/** The number of the cache that entry `id` is from. */
int64_t ac_cache_set_find(const ac_cache_set *self, int64_t id);

/** ac_cache_read_slice of all entries as one list. embeddings [count, dimension] or NULL. */
AC_MUST_CHECK ac_status ac_cache_set_read_slice(const ac_cache_set *self, int64_t first,
                                                int64_t count, float *embeddings,
                                                ac_texts *entries);

#endif
