/** CLIP's score of candidates: cosine of caption and image, each distinct text embedded once.
 */
#ifndef AC_JOBS_MODELS_CLIP_SCORE_H
#define AC_JOBS_MODELS_CLIP_SCORE_H

#include "jobs/models/clip_model.h"

/** Memory kept between calls. Starts zeroed. */
typedef struct ac_clip_scorer {
    ac_texts unique;
    int64_t *order;    /* [capacity] candidates sorted by text */
    int64_t *which;    /* [capacity] candidate -> its unique text */
    float *embeddings; /* [unique, D] */
    int64_t order_capacity, which_capacity, embedding_capacity;
} ac_clip_scorer;

void ac_clip_scorer_free(ac_clip_scorer *self);

/**
 * Shapes: scores [n]; texts [first, first + n); owner [n]: candidate -> row of queries; queries
 * [rows, D], unit length. A score is the dot product accumulated in double in index order,
 * rounded once to float.
 */
AC_MUST_CHECK ac_status ac_clip_score(ac_clip_scorer *self, ac_clip_model *clip, float *scores,
                                      const ac_texts *texts, int64_t first, int64_t n,
                                      const int64_t *owner, const float *queries,
                                      const char *prefix, int64_t *cut);

/** The best of scores [n]: highest, ties to the earlier. */
int64_t ac_clip_score_best(const float *scores, int64_t n);

#endif
