/** Stage clip_scores of evaluate: cosines of captions with their images and references. */
#ifndef AC_JOBS_EVALUATE_CLIP_STAGE_H
#define AC_JOBS_EVALUATE_CLIP_STAGE_H

#include "io/source/image_source.h"
#include "jobs/evaluate/scores.h"
#include "jobs/models/clip_model.h"
#include "jobs/runtime/stage.h"

/** Its number in the run, behind jobs/caption's stage embed. */
enum { AC_STAGE_CLIP_SCORES = 1 };

extern const ac_stage_type ac_stage_clip_scores;

/** What all ranks need of the items. Starts zeroed. */
typedef struct ac_clip_texts {
    ac_texts captions;      /* [items] */
    ac_texts others;        /* [items]: those they are compared with; empty: none */
    ac_texts references;    /* of all items, one after the other */
    int64_t *starts;        /* [items + 1] into references */
    int64_t *item_of_image; /* [images]; -1: the image has no caption */
    int64_t items, images;
} ac_clip_texts;

/** Collective; evaluated is rank 0's. */
AC_MUST_CHECK ac_status ac_clip_texts_share_all(ac_clip_texts *self, const ac_comm *comm,
                                                const ac_evaluated *evaluated, int64_t images);
void ac_clip_texts_free(ac_clip_texts *self);

/** The context of the stage. Borrows all. */
typedef struct ac_clip_score_work {
    ac_clip_model *clip; /* with both towers */
    const ac_image_source *images;
    const ac_clip_texts *texts;
    int64_t truncated; /* out: texts longer than CLIP takes, on this rank */
} ac_clip_score_work;

/** Local, for rank 0, after the stage: CLIPScore and, where there are references, RefCLIPScore
 * of each item and of what it is compared with, read from the shards; NaN for items without a
 * readable image. */
AC_MUST_CHECK ac_status ac_clip_scores_collect(ac_scores *scores, const ac_run *run,
                                               const ac_evaluated *evaluated,
                                               const ac_clip_score_work *work);

/** From cosines, as CLIPScore's authors define them; reference NaN: there is none. */
double ac_clip_score_of(double image);
double ac_ref_clip_score_of(double image, double reference);

#endif
