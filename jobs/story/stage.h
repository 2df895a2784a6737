/** The stage of the job story: captions -> shards of stories (io/hdf5/schema.h). Nothing of a
 * shard depends on the ranks, the threads or what is generated together. */
#ifndef AC_JOBS_STORY_STAGE_H
#define AC_JOBS_STORY_STAGE_H

#include "engine/base/item_status.h"
#include "jobs/models/causal_model.h"
#include "jobs/runtime/stage.h"
#include "jobs/story/captions.h"
#include "jobs/story/rank.h"

extern const ac_stage_type ac_stage_story;

/** The context of ac_stage_story. Borrows what it points to; what is not set is zero. */
typedef struct ac_story_work {
    ac_causal_model *model;
    const ac_story_captions *captions;
    ac_story_ranker *ranker;       /* NULL: the likeliest story is first */
    struct ac_storyteller *teller; /* the stage's own memory */
} ac_story_work;

/**
 * Local, without a run: an item's stories as a line of stories.jsonl; those that the stage
 * would tell. Replaces what `line` held.
 * @param[out] status  what is wrong with the item, where there is no line
 */
AC_MUST_CHECK ac_status ac_story_tell_one(const ac_story_work *work, const ac_config *config,
                                          int64_t item, ac_buffer *line,
                                          ac_item_status *status);

/** The system's message; NULL: there is none. */
const char *ac_story_system(const ac_config *config);

/** The text that an item's story begins with; replaces what out held. */
AC_MUST_CHECK ac_status ac_story_prompt(ac_buffer *out, const ac_config *config,
                                        const ac_story_captions *captions, int64_t item);

#endif
