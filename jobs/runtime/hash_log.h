/**
 * The hashes of the images that a run has read, for --update=hash: journal/RANK.hashes, a line
 * per shard that was published. A line that was lost costs an update by hash the certainty, not
 * the run: size and time decide then.
 */
#ifndef AC_JOBS_RUNTIME_HASH_LOG_H
#define AC_JOBS_RUNTIME_HASH_LOG_H

#include "jobs/runtime/run.h"

/** XXH3-128 of an image's bytes, in hexadecimal; "": it was not read. */
typedef struct ac_image_hash {
    char hex[33];
} ac_image_hash;

/** Append the hashes [count] of a shard's items. What cannot be written is said at level debug.
 */
void ac_hash_log_append(const ac_run *run, int64_t shard, const ac_image_hash *hashes,
                        int64_t count);

/** All that the run folder's logs tell. An item with two different hashes has none.
 * @param[out] hashes  [count], zeroed by the caller, by the items' numbers */
AC_MUST_CHECK ac_status ac_hash_log_read(const char *folder, int64_t shard_items,
                                         ac_image_hash *hashes, int64_t count);

#endif
