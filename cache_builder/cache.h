/**
 * A cache of entries and their embeddings: a folder with manifest.json and shards/00000.h5 …
 * (entries: texts, embeddings f32 [n, D], unit length). Entries are stored as given; their ids
 * are their places, 0 …
 *
 * manifest.json holds the cache under its member "cache"; a run that makes a cache keeps its
 * own members beside it. A folder without that member is no cache yet.
 */
#ifndef AC_CACHE_BUILDER_CACHE_H
#define AC_CACHE_BUILDER_CACHE_H

#include <stdint.h>

#include "engine/base/buffer.h"
#include "io/hdf5/h5.h"

typedef struct ac_cache_shard {
    int64_t rows;
    char checksum[33];
} ac_cache_shard;

/** Where a range of entries came from: one for the building, one for each growth. */
typedef struct ac_cache_source {
    char kind[8];       /* "lines", "ngrams", "cache" or "import" */
    char *path;         /* owned */
    char input[33];     /* fingerprint of what was read */
    char before[33];    /* the cache's fingerprint before it grew; "" for the first source */
    int64_t entries;    /* that joined */
    int64_t duplicates; /* that were left out */
    int64_t cut;        /* longer than CLIP's context */
    /* Token positions: computed; at each entry's own length; padded to the context. All 0: the
     * entries were not embedded here. */
    int64_t positions, positions_alone, positions_padded;
} ac_cache_source;

/** An open cache. Starts zeroed; owns everything. */
typedef struct ac_cache {
    char *folder;
    int64_t entries, dimension;
    char model[33];       /* fingerprint of text tower and vocabulary that embedded entries */
    char *model_path;     /* where that model lay, for messages */
    char *prefix;         /* prepended to each entry for embedding only */
    char fingerprint[33]; /* of model, prefix and all shards */
    ac_cache_shard *shards;
    int64_t shard_count, shard_room;
    ac_cache_source *sources;
    int64_t source_count, source_room;
} ac_cache;

/** The folder, or the folder `cache` in it (a run that built one). AC_E_FORMAT where there is
 * no cache (the message says how to complete a half-built one), AC_E_FORMAT where its
 * manifest is not whole. */
AC_MUST_CHECK ac_status ac_cache_open(ac_cache *self, const char *folder);
void ac_cache_close(ac_cache *self);

/** A new cache's model, prefix and width; `self` starts zeroed. */
AC_MUST_CHECK ac_status ac_cache_identity_set(ac_cache *self, const char *model,
                                              const char *model_path, const char *prefix,
                                              int64_t dimension);

/** AC_E_FORMAT naming both where the cache was embedded by another model, or has another width.
 */
AC_MUST_CHECK ac_status ac_cache_check_model(const ac_cache *self, const char *model,
                                             const char *model_path, int64_t dimension);

/** AC_E_FORMAT naming both where two caches cannot be joined: another model, prefix or width.
 */
AC_MUST_CHECK ac_status ac_cache_check_same(const ac_cache *self, const ac_cache *other);

/**
 * Entries [first, first + count): embeddings [count, dimension] (or NULL: not read), entries
 * replaced (or NULL: not read). Every shard touched is checked against the manifest first, and
 * every number must be finite.
 */
AC_MUST_CHECK ac_status ac_cache_read_slice(const ac_cache *self, int64_t first, int64_t count,
                                            float *embeddings, ac_texts *entries);

/** One entry per line of a UTF-8 text file, '\r' before '\n' dropped, empty lines kept, a
 * byte-order mark at the head left out. Names file and line of bad text, and what the file is
 * where it is no text (ac_text_read). */
AC_MUST_CHECK ac_status ac_cache_read_entries(const char *path, ac_texts *entries);

/** The same of a list that mining wrote: its first entry may begin with a byte-order mark. */
AC_MUST_CHECK ac_status ac_cache_read_mined(const char *path, ac_texts *entries);

/* ---- making and growing ---- */

/** FOLDER/shards/NNNNN.h5; free with free(). */
AC_MUST_CHECK ac_status ac_cache_shard_path(char **out, const char *folder, int64_t number);

/** Write the shard `path`: entries [first, first + rows) of `entries`. embeddings [rows,
 * dimension]. */
AC_MUST_CHECK ac_status ac_cache_shard_write(const char *path, const ac_texts *entries,
                                             int64_t first, int64_t rows,
                                             const float *embeddings, int64_t dimension,
                                             ac_compression compression, char checksum[33]);

/** Append shards, or a source; entries and fingerprint follow. source->path is copied. */
AC_MUST_CHECK ac_status ac_cache_add_shards(ac_cache *self, const ac_cache_shard *shards,
                                            int64_t count);
AC_MUST_CHECK ac_status ac_cache_add_source(ac_cache *self, const ac_cache_source *source);

/** Publish FOLDER/manifest.json, its other members kept: from now on it is a cache, or has
 * grown. */
AC_MUST_CHECK ac_status ac_cache_save(const ac_cache *self, const char *folder);

#endif
