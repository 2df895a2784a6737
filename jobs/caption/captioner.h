/** Images with tables -> candidates and captions: what stage generate does with a shard, a
 * chunk of rows at a time. */
#ifndef AC_JOBS_CAPTION_CAPTIONER_H
#define AC_JOBS_CAPTION_CAPTIONER_H

#include "jobs/models/clip_score.h"
#include "jobs/models/prompt.h"
#include "jobs/caption/stages.h"

/** A shard's input, a chunk's work, and what the shard has gathered. Starts zeroed; owns
 * everything. */
typedef struct ac_captioner {
    int64_t width, K, chunk; /* embedding width, entries a table, images generated together */
    float *queries;          /* [shard_items, D] */
    int64_t *table_ids;      /* [shard_items, K]; -1: no entry */
    int64_t *items; /* [shard_items]: a row's item, where the run's images are known; else -1 */
    ac_texts keys, table_keys, entries;

    ac_prompt prompt; /* one image's */
    ac_buffer text;   /* one candidate's */
    int32_t *ids;     /* the chunk's encoder inputs, packed */
    int64_t ids_capacity;
    int64_t *ids_offsets;           /* [chunk + 1] */
    uint64_t *streams;              /* [chunk] */
    int64_t *owner, owner_capacity; /* candidate of the chunk -> row of queries */
    ac_generated generated;
    ac_clip_scorer scorer;

    ac_texts captions, candidates;
    int64_t *offsets; /* [shard_items + 1] into candidates */
    float *clip_scores;
    float *candidate_clip_scores, *candidate_scores;
    int64_t clip_capacity, score_capacity;
} ac_captioner;

/** Memory for shards of the run that p->run names. */
AC_MUST_CHECK ac_status ac_captioner_init(ac_captioner *self, const ac_pipeline *p);
void ac_captioner_free(ac_captioner *self);

/** A shard's images and tables, in place of what was there; AC_E_FORMAT where its files do not
 * fit together. */
AC_MUST_CHECK ac_status ac_captioner_read(ac_captioner *self, const ac_pipeline *p,
                                          int64_t shard);

/** In place of a shard, one image without key, embedding or table. */
AC_MUST_CHECK ac_status ac_captioner_read_blank(ac_captioner *self);

/**
 * Rows [first, first + n) of the shard, n at most `chunk`: generate, then choose. The bits of a
 * row depend on it alone. What is begun is written down in the run's hand; ac_run_put(run, 0)
 * is the caller's.
 */
AC_MUST_CHECK ac_status ac_captioner_generate(ac_captioner *self, ac_pipeline *p, int64_t first,
                                              int64_t n);
AC_MUST_CHECK ac_status ac_captioner_choose(ac_captioner *self, ac_pipeline *p, int64_t first,
                                            int64_t n);

#endif
