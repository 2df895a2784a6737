/** A finished shard as it stands in the files of its stages: what merge, report and export
 * read. */
#ifndef AC_JOBS_RUNTIME_SHARD_VIEW_H
#define AC_JOBS_RUNTIME_SHARD_VIEW_H

#include <stdint.h>

#include "engine/base/buffer.h"
#include "jobs/runtime/stage_type.h"

/* What to read; each needs the stage named. */
enum {
    AC_VIEW_KEYS = 1,       /* embed: keys, paths */
    AC_VIEW_BAD = 2,        /* embed: bad_keys, bad_reasons, bad_details */
    AC_VIEW_THUMBNAILS = 4, /* embed */
    AC_VIEW_TABLES = 8,     /* retrieve: ids, scores, entries */
    AC_VIEW_CAPTIONS = 16   /* generate: captions, candidates and their scores */
};

/** n images in the order of keys, K entries a table. Owns everything. Starts zeroed; what was
 * not asked for is empty. */
typedef struct ac_shard_view {
    int64_t n, K;
    ac_texts keys, paths, thumbnails;
    ac_texts metadata; /* of a run with output.metadata or output.exif: an object per image */
    ac_texts bad_keys, bad_reasons, bad_details;
    int64_t *ids;     /* [n, K]; -1: none */
    float *scores;    /* [n, K] */
    ac_texts entries; /* [n * K] */
    /* [n, K], or NULL: of several caches which each entry is from and its id there; with labels
     * the probabilities */
    int32_t *caches;
    int64_t *cache_ids;
    float *probabilities;
    ac_texts captions, candidates;
    int64_t *offsets; /* [n + 1] into candidates */
    float *clip_scores, *candidate_clip_scores, *candidate_scores;
} ac_shard_view;

/**
 * Local. Replaces what `self` held by shard number `shard` of the run folder `folder`.
 * @param[in] stages  rows of the run's stages: embed, then those that `parts` needs
 * @param[in] parts  AC_VIEW_… or-ed; AC_VIEW_KEYS is always read
 * @return AC_E_IO or AC_E_FORMAT naming the file, also where the stages' files do not fit
 * together
 */
AC_MUST_CHECK ac_status ac_shard_view_read(ac_shard_view *self, const char *folder,
                                           const ac_stage_type *const *stages, int64_t shard,
                                           unsigned parts);
void ac_shard_view_free(ac_shard_view *self);

#endif
