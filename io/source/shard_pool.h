/**
 * The shards of an image dataset, opened when an item of theirs is asked for; a few stay open.
 * HDF5 is called under a lock, since it knows no threads; what is open is read without it, by
 * offsets in the file.
 */
#ifndef AC_IO_SOURCE_SHARD_POOL_H
#define AC_IO_SOURCE_SHARD_POOL_H

#include <pthread.h>

#include "io/hdf5/image_shard.h"

/** A shard that is open. */
typedef struct ac_open_shard {
    ac_image_shard shard;
    int64_t number; /* -1: none */
    int64_t used;   /* when, by the pool's clock */
    int users;      /* threads that read it */
} ac_open_shard;

/** Owns everything. */
typedef struct ac_shard_pool {
    char *folder; /* of the dataset */
    int64_t shard_count;
    int64_t *starts; /* [shard_count + 1]: the first item of each */
    /* [shard_count]: ac_image_shard_contents of each; NULL: not known, of a dataset of before
     * they were written down */
    char (*contents)[33];
    int64_t pixel_bytes; /* of CLIP's input, where the dataset holds that; else 0 */
    pthread_mutex_t lock;
    ac_open_shard **slots; /* [slot_count] */
    int64_t slot_count, slot_capacity, clock;
} ac_shard_pool;

/** folder [n]; starts are the caller's to fill in. */
AC_MUST_CHECK ac_status ac_shard_pool_new(ac_shard_pool **out, const char *folder, size_t n,
                                          int64_t shard_count);
/** Takes NULL. */
void ac_shard_pool_free(void *self);

/** A shard's file; free with free(). */
AC_MUST_CHECK ac_status ac_shard_pool_path(const ac_shard_pool *self, int64_t number,
                                           char **path);

/**
 * The shard of item i, open until it is released. Thread-safe, both. pool: an ac_shard_pool,
 * whose open shards change behind the const.
 * @param[in] rest   all of it is wanted (ac_image_shard_read_rest)
 * @param[out] row   the item's in the shard
 */
AC_MUST_CHECK ac_status ac_shard_pool_acquire(const void *pool, int64_t i, bool rest,
                                              ac_open_shard **out, int64_t *row);
void ac_shard_pool_release(const void *pool, ac_open_shard *shard);

#endif
