/**
 * The three stages of captioning, and the merge:
 *
 *     images --embed--> embeddings/ --retrieve--> tables/ --generate--> shards/ --merge-->
 * captions.jsonl, …
 *
 * embed and generate: any rank, a shard at a time. retrieve: all ranks together, each holding
 * its slice of the cache. Every function is collective over run->comm. A shard that is done is
 * passed over.
 *
 * Shard files (docs/FORMATS.md):  n images in order of keys, D the embedding's width, K entries
 * a table embeddings/  keys, paths [n] texts; embeddings [n, D] f32; thumbnails [n] JPEG;
 * bad_keys, bad_reasons, bad_details tables/      keys [n]; ids [n, K] i64 (-1: none); scores
 * [n, K] f32; entries [n * K] texts (empty: none) shards/      keys, captions [n]; clip_scores
 * [n] f32; candidate_offsets [n + 1] i64; candidates [sum] texts; candidate_clip_scores,
 * candidate_scores [sum] f32
 */
#ifndef AC_JOBS_CAPTION_STAGES_H
#define AC_JOBS_CAPTION_STAGES_H

#include "cache_builder/cache.h"
#include "engine/retrieval/topk.h"
#include "jobs/models/bart_model.h"
#include "jobs/models/clip_model.h"
#include "jobs/runtime/run.h"

/** What a captioning job holds while it runs. Owned by the job. */
typedef struct ac_pipeline {
    const ac_comm *comm;
    const ac_config *config;
    ac_run run;
    ac_image_list images;
    ac_clip_model clip;
    ac_bart_model bart;
    ac_cache cache;
    double cache_seconds;     /* spent on a cache from a text file; 0: the cache was given */
    const uint8_t *known_bad; /* [images.count] ac_reject_reason of items that are bad before
                                 they are opened; NULL: none */
    int64_t random_crops; /* items [0, random_crops) are embedded by a random crop of the image,
                             the others by its centre */
    int64_t cut_tables, cut_texts; /* inputs longer than the model takes, on this rank */
} ac_pipeline;

enum { AC_STAGE_EMBED = 0, AC_STAGE_RETRIEVE, AC_STAGE_GENERATE };

/** cache.path: a cache folder is opened; a text file is built into FOLDER/cache first. clip is
 * open with its text tower. */
AC_MUST_CHECK ac_status ac_pipeline_open_cache_all(ac_pipeline *self, const char *folder);

AC_MUST_CHECK ac_status ac_stage_embed_all(ac_pipeline *self);
AC_MUST_CHECK ac_status ac_stage_retrieve_all(ac_pipeline *self);
AC_MUST_CHECK ac_status ac_stage_generate_all(ac_pipeline *self);

/** Rank 0 writes bad_items.jsonl. */
AC_MUST_CHECK ac_status ac_merge_bad_items_all(ac_pipeline *self);

/** Rank 0 writes the run's files from the shards; `stages` tells how far the job went (1, 2 or
 * 3). */
AC_MUST_CHECK ac_status ac_merge_all(ac_pipeline *self, int stages);

/**
 * captions.h5: a small file that shows the shards of all stages as one. Numbers and texts'
 * bytes are virtual datasets, offsets are written anew, since those of a shard begin at 0. Rank
 * 0 writes it.
 */
AC_MUST_CHECK ac_status ac_merge_h5_all(ac_pipeline *self);

/** output.knn, before any work: may the images' folders be written? AC_E_IO names the first
 * that may not. Local, for rank 0. */
AC_MUST_CHECK ac_status ac_knn_check(const ac_pipeline *self);

/** NAME.knn beside each image: its entries, one a line, best first. The ranks share the shards.
 */
AC_MUST_CHECK ac_status ac_knn_write_all(ac_pipeline *self);

/** Fails with AC_E_BAD_ITEMS where the embed stage has more bad items than
 * limits.max_bad_items. Same on all ranks. */
AC_MUST_CHECK ac_status ac_check_bad_items(const ac_pipeline *self);

#endif
