/** Stories ranked by CLIP: the score of their first sentence with the image that the caption is
 * of, whose embedding the run of caption has. */
#ifndef AC_JOBS_STORY_RANK_H
#define AC_JOBS_STORY_RANK_H

#include "engine/comm/comm.h"
#include "io/config/config.h"
#include "jobs/models/clip_score.h"
#include "jobs/search/archive.h"

/** Starts zeroed; owns everything. */
typedef struct ac_story_ranker {
    ac_archive images;
    ac_clip_model clip; /* its text tower */
    ac_clip_scorer scorer;
    ac_buffer sentence;
    ac_texts sentences; /* of a chunk's stories */
    int64_t *rows;      /* [captions of a chunk]: in the archive */
    int64_t *owners;    /* [sentences]: caption of the chunk */
    float *embeddings;  /* [rows from the chunk's lowest to its highest, D] */
    float *scores;      /* [sentences] */
    int64_t row_capacity, owner_capacity, embedding_capacity, score_capacity;
    int64_t truncated; /* sentences longer than CLIP's context */
} ac_story_ranker;

/** Collective; comm NULL: this process alone. Of the run input.path and its CLIP, or
 * clip.model, which must be the same. */
AC_MUST_CHECK ac_status ac_story_ranker_open_all(ac_story_ranker *self, const ac_comm *comm,
                                                 const ac_config *config);
void ac_story_ranker_free(ac_story_ranker *self);

/** Begin a chunk. Captions are pushed in order, each followed by its stories. */
void ac_story_ranker_begin(ac_story_ranker *self);
AC_MUST_CHECK ac_status ac_story_ranker_caption(ac_story_ranker *self, int64_t caption,
                                                const char *key, size_t n);
/** prompt "": the story begins with its own text. */
AC_MUST_CHECK ac_status ac_story_ranker_story(ac_story_ranker *self, int64_t caption,
                                              const char *prompt, size_t prompt_bytes,
                                              const char *text, size_t n);
/** self->scores of all stories pushed: cosines. captions: how many were pushed. */
AC_MUST_CHECK ac_status ac_story_ranker_score(ac_story_ranker *self, int64_t captions);

#endif
