/**
 * The three stages of captioning, and the merge:
 *
 *     images  --embed-->     embeddings/
 *             --retrieve-->  tables/
 *             --generate-->  shards/
 *             --merge-->     captions.jsonl, …
 *
 * embed and generate: each rank computes a shard at a time. retrieve: all ranks compute a shard
 * together, each with its slice of the cache. ac_stage_run_all runs a stage by its row, with
 * the context given below, and skips shards that are done.
 *
 * The datasets of the shards: io/hdf5/schema.h, docs/FORMATS.md.
 */
#ifndef AC_JOBS_CAPTION_STAGES_H
#define AC_JOBS_CAPTION_STAGES_H

#include "io/config/config.h"
#include "io/source/image_source.h"
#include "jobs/caption/admission.h"
#include "jobs/caption/captioner.h"
#include "jobs/caption/equal_items.h"
#include "jobs/models/bart_model.h"
#include "jobs/models/clip_model.h"
#include "jobs/runtime/stage.h"

/* Their numbers in a run of these jobs, and their rows. */
enum { AC_STAGE_EMBED = 0, AC_STAGE_RETRIEVE, AC_STAGE_GENERATE };
extern const ac_stage_type ac_stage_embed, ac_stage_retrieve, ac_stage_generate;

/** The context of ac_stage_embed. Borrows all; what is not set is zero. */
typedef struct ac_embed_work {
    ac_clip_model *clip; /* open with its vision tower */
    const ac_image_source *images;
    int64_t random_crops; /* items [0, random_crops) get a random crop, the others the centre */
    const ac_equal_items *equal; /* of these images; NULL: known within a shard alone */
    int64_t taken; /* out: embeddings of earlier shards that this rank took for equal images */
    struct ac_embedder *embedder; /* the stage's own memory */
} ac_embed_work;

/** The context of ac_stage_retrieve. Borrows all; what is not set is zero. */
typedef struct ac_retrieve_work {
    ac_admission admission;      /* the caches, and which entries of them are searched */
    const ac_equal_items *equal; /* of `images`; NULL: known within a shard alone */
    const ac_image_source *images;
    float probability_scale; /* the model's logit scale; 0: no probabilities are written */
    bool counted;            /* out: admission.left_out was filled in */
    int64_t taken; /* out: tables of earlier shards that this rank took for equal images */
    struct ac_retriever *retriever; /* the stage's own memory */
} ac_retrieve_work;

/** The context of ac_stage_generate. Borrows models and images; what is not set is zero. */
typedef struct ac_generate_work {
    ac_clip_model *clip; /* open with its text tower */
    ac_bart_model *bart; /* its generation set */
    const ac_image_source *images;
    /* out: inputs longer than the model takes, on this rank */
    int64_t truncated_prompts, truncated_texts;
    ac_captioner captioner; /* the stage's own memory */
} ac_generate_work;

/** AC_E_ARG where the images are CLIP's input by another recipe than this model's, or where
 * random crops of them are wanted. what: the config's key. Local. */
AC_MUST_CHECK ac_status ac_check_pixels(const ac_image_source *images, const ac_config *config,
                                        const ac_clip_model *clip, const char *what,
                                        bool crops);

/* ---- the merge ---- */

/** Collective. Rank 0 writes bad_items.jsonl; run->rows and run->bad are known from then on. */
AC_MUST_CHECK ac_status ac_merge_bad_items_all(ac_run *run);

/** Fails with AC_E_BAD_ITEMS where the embed stage has more rejected items than
 * limits.max_bad_items, or nothing else. Local; the same on all ranks. */
AC_MUST_CHECK ac_status ac_check_bad_items(const ac_run *run);

/** Collective. Rank 0 writes the run's files from the shards; `stages` tells how far the job
 * went (1, 2 or 3). */
AC_MUST_CHECK ac_status ac_merge_all(const ac_run *run, const ac_image_source *images,
                                     int stages);

/** Collective. Of that, the references alone. */
AC_MUST_CHECK ac_status ac_merge_references_all(const ac_run *run,
                                                const ac_image_source *images);

/**
 * Collective. captions.h5: a small file that shows the shards of all stages as one. Numbers and
 * texts' bytes are virtual datasets, offsets are written anew, since those of a shard begin at
 * 0. Rank 0 writes it.
 */
AC_MUST_CHECK ac_status ac_merge_h5_all(const ac_run *run);

/** output.knn, before any work: may the images' folders be written? AC_E_IO names the first
 * that may not. Local, for rank 0. */
AC_MUST_CHECK ac_status ac_knn_check(const ac_image_source *images);

/** Collective. NAME.knn beside each image: its entries, one per line, best first. The ranks
 * share the shards. */
AC_MUST_CHECK ac_status ac_knn_write_all(const ac_run *run);

#endif
