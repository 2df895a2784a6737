/**
 * What is searched: the images of one run or several, or the entries of a cache. Its rows are
 * in the order of their keys, and of equal keys in the order in which the sources were given,
 * so that a row's number decides a tie of scores.
 */
#ifndef AC_JOBS_SEARCH_ARCHIVE_H
#define AC_JOBS_SEARCH_ARCHIVE_H

#include "cache_builder/cache.h"
#include "io/config/config.h"
#include "jobs/runtime/run_view.h"

/** A run or a cache. */
typedef struct ac_archive_source {
    char *path; /* as given; owned */
    bool is_cache;
    ac_run_view run; /* of a run, */
    int captions;    /* with the number of its stage that has captions; -1: none */
    ac_config config;
    char *root; /* what its images' locations are relative to; NULL: not known */
    ac_cache cache;
    int64_t first_block, blocks; /* of the archive's: its shards, or ranges of its entries */
} ac_archive_source;

/** Where a row stands. */
typedef struct ac_archive_place {
    int32_t source, row; /* row of its block */
    int64_t block;
} ac_archive_place;

/** What is read of a block when it is first asked for. */
typedef struct ac_archive_block {
    ac_texts captions, locations;
    bool has_captions, has_locations;
} ac_archive_block;

/** Starts zeroed; owns everything. */
typedef struct ac_archive {
    ac_archive_source *sources;
    int source_count;
    bool mixed;    /* runs with unequal hashes: one without the vocabulary, or another model */
    int64_t n, D;  /* D 0: without a row */
    ac_texts keys; /* [n]: of images; of a cache its entries */
    ac_archive_place *places;
    ac_archive_block *blocks;
    int64_t block_count;
    ac_texts thumbnails; /* of block `thumbnail_block` */
    int64_t thumbnail_block;
    /* a slice: rows [first, first + count) */
    int64_t first, count;
    float *embeddings; /* [count, D] */
} ac_archive;

/**
 * Local. Keys and places of all rows. Refused by name: a source without embeddings, a run
 * beside a cache, no row at all. Whether one model made all is for ac_query_model_check where
 * `mixed` is set.
 * @param[in] paths  [count], of runs, or of one cache
 */
AC_MUST_CHECK ac_status ac_archive_open(ac_archive *self, const char *const *paths, int count);
void ac_archive_close(ac_archive *self);

/** Local. Read the embeddings of rows [first, first + count), which must be finite. */
AC_MUST_CHECK ac_status ac_archive_read(ac_archive *self, int64_t first, int64_t count,
                                        float *embeddings);
/** Local. The same into memory of the archive: its slice. */
AC_MUST_CHECK ac_status ac_archive_load(ac_archive *self, int64_t first, int64_t count);

/** The hash of the model that embedded the rows, and where it lay; borrowed. Of a run of the
 * whole CLIP, of a cache of its text tower. */
const char *ac_archive_model(const ac_archive *self);
const char *ac_archive_model_path(const ac_archive *self);
const char *ac_archive_source_model(const ac_archive_source *source);

/** The row of this key; source NULL: of the first source that has it. -1: none has. A key that
 * is no UTF-8 is also found as results tell it, with U+FFFD, where no other is told so.
 * @param[out] others  how many other sources have it too */
AC_MUST_CHECK ac_status ac_archive_find(const ac_archive *self, const char *key, size_t n,
                                        const char *source, int64_t *row, int64_t *others);

/** Of a row, borrowed until the next call; *bytes NULL where there is none. Not thread-safe. */
AC_MUST_CHECK ac_status ac_archive_caption(ac_archive *self, int64_t row, const char **bytes,
                                           size_t *n);
AC_MUST_CHECK ac_status ac_archive_thumbnail(ac_archive *self, int64_t row, const char **bytes,
                                             size_t *n);
/** The path of a row's image, or the entry of a cache; free with free(). */
AC_MUST_CHECK ac_status ac_archive_path(ac_archive *self, int64_t row, char **path);

/** XXH3-128 of what the rows are: keys in order, model, checksums of shards. */
AC_MUST_CHECK ac_status ac_archive_fingerprint(const ac_archive *self, char hex[33]);

#endif
