/** Images with retrieved entries -> candidates and captions: stage generate's work on a shard,
 * a chunk of rows at a time. It knows models and settings, and no run. */
#ifndef AC_JOBS_CAPTION_CAPTIONER_H
#define AC_JOBS_CAPTION_CAPTIONER_H

#include "io/config/config.h"
#include "io/source/image_source.h"
#include "jobs/models/bart_model.h"
#include "jobs/models/clip_score.h"
#include "jobs/models/prompt.h"
#include "jobs/runtime/inflight.h"

/** A shard's input, a chunk's work, and what the shard has gathered. Starts zeroed; owns
 * everything but what is borrowed. */
typedef struct ac_captioner {
    ac_clip_model *clip; /* borrowed, as are the next three */
    ac_bart_model *bart;
    const ac_config *config;     /* retrieval, generation, rescore */
    const ac_inflight *inflight; /* NULL: nothing is written down */
    int64_t width, K, chunk; /* embedding width, entries per image, images generated together */
    float *queries;          /* [shard_items, D] */
    int64_t *table_ids;      /* [shard_items, K]; -1: no entry */
    int64_t *items;          /* [shard_items]: a row's item, where it is known; else -1 */
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
    int64_t truncated_prompts, truncated_texts; /* so far: inputs longer than the models take */
} ac_captioner;

/**
 * Memory for shards of up to shard_items images.
 * @param[in] clip      with its text tower
 * @param[in] bart      its generation set
 * @param[in] inflight  where the items of rows that are begun are written down, in slot 0,
 *                      whose end is the caller's; NULL: nowhere
 */
AC_MUST_CHECK ac_status ac_captioner_init(ac_captioner *self, ac_clip_model *clip,
                                          ac_bart_model *bart, const ac_config *config,
                                          int64_t shard_items, const ac_inflight *inflight);
void ac_captioner_free(ac_captioner *self);

/** A shard's images and tables, from its files of the stages embed and retrieve, in place of
 * what was there; AC_E_FORMAT where they do not fit together. Which items they are is not known
 * yet. */
AC_MUST_CHECK ac_status ac_captioner_read(ac_captioner *self, const char *embeddings,
                                          const char *tables);

/** The rows are items of [first, first + count), in the same order. */
AC_MUST_CHECK ac_status ac_captioner_find_items(ac_captioner *self,
                                                const ac_image_source *images, int64_t first,
                                                int64_t count);

/** In place of a shard, one image without key, embedding or table. */
AC_MUST_CHECK ac_status ac_captioner_read_blank(ac_captioner *self);

/**
 * Rows [first, first + n) of the shard, n at most `chunk`: generate, then choose. The bits of a
 * row depend on it alone.
 */
AC_MUST_CHECK ac_status ac_captioner_generate(ac_captioner *self, int64_t first, int64_t n);
AC_MUST_CHECK ac_status ac_captioner_choose(ac_captioner *self, int64_t first, int64_t n);

#endif
