/**
 * A cache of entries and their embeddings: a folder with manifest.json and shards/00000.h5 … (entries: texts, embeddings
 * f32 [n, D], unit length). Entries are stored as given; their ids are their places, 0 …
 */
#ifndef AC_CACHE_BUILDER_CACHE_H
#define AC_CACHE_BUILDER_CACHE_H

#include <stdint.h>

#include "engine/base/buffer.h"
#include "io/h5.h"

typedef struct ac_cache_shard {
    int64_t rows;
    char checksum[33];
} ac_cache_shard;

/** An open cache. Starts zeroed. */
typedef struct ac_cache {
    char *folder;
    int64_t entries, dimension, shard_count;
    char model[33];       /* fingerprint of the CLIP model that embedded the entries */
    char fingerprint[33]; /* of the manifest, so of everything */
    ac_cache_shard *shards;
} ac_cache;

/** AC_E_ARG where there is no cache, AC_E_FORMAT where its manifest is not whole. */
ac_status ac_cache_open(ac_cache *self, const char *folder);
void ac_cache_close(ac_cache *self);

/** AC_E_FORMAT naming both where the cache was embedded by another model, or has another width. */
ac_status ac_cache_check_model(const ac_cache *self, const char *model_fingerprint, int64_t dimension);

/**
 * Entries [first, first + count): embeddings [count, dimension], entries replaced. Every shard touched is checked against
 * the manifest first, and every number must be finite.
 */
ac_status ac_cache_read_slice(const ac_cache *self, int64_t first, int64_t count, float *embeddings, ac_texts *entries);

/** One entry a line of a UTF-8 text file, '\r' before '\n' dropped, empty lines kept. Names file and line of bad text. */
ac_status ac_cache_read_entries(const char *path, ac_texts *entries);

/** Write shard `number` of a cache being built: entries [first, first + rows) of `entries`. embeddings [rows, dimension]. */
ac_status ac_cache_shard_write(const char *folder, int64_t number, const ac_texts *entries, int64_t first, int64_t rows,
                               const float *embeddings, int64_t dimension, ac_compression compression, char checksum[33]);

/** The last step of building: from now on it is a cache. */
ac_status ac_cache_manifest_write(const char *folder, const char *model, const char *source, int64_t dimension,
                                  const ac_cache_shard *shards, int64_t count);

#endif
