/**
 * The images of a shard that were embedded already, by the hash of their bytes: an image that
 * comes again shares the embedding of its first occurrence. Finding is for several threads at a
 * time, the rest for one.
 */
#ifndef AC_JOBS_CAPTION_EQUAL_IMAGES_H
#define AC_JOBS_CAPTION_EQUAL_IMAGES_H

#include <stdint.h>

#include "engine/base/status.h"

/** Starts zeroed; owns everything. */
typedef struct ac_equal_images {
    int64_t capacity, count;
    int64_t *buckets; /* [mask + 1]: an entry's number + 1; 0: none */
    uint64_t mask;
    struct ac_equal_image *entries; /* [capacity] */
} ac_equal_images;

AC_MUST_CHECK ac_status ac_equal_images_init(ac_equal_images *self, int64_t capacity);
void ac_equal_images_free(ac_equal_images *self);
void ac_equal_images_reset(ac_equal_images *self);

/** The value of the image with this hash (32 digits) and page; -1: it has none. */
int64_t ac_equal_images_find(const ac_equal_images *self, const char *hash, int64_t page);

/** Set it; no more than `capacity` different images. -1: it is as if it had not come yet. */
void ac_equal_images_set(ac_equal_images *self, const char *hash, int64_t page, int64_t value);

#endif
