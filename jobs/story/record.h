/** A line of stories.jsonl. */
#ifndef AC_JOBS_STORY_RECORD_H
#define AC_JOBS_STORY_RECORD_H

#include "engine/base/buffer.h"

/** Captions and their stories, as a shard has them (io/hdf5/schema.c). Borrows all. */
typedef struct ac_story_rows {
    const ac_texts *keys, *captions, *prompts; /* [n] */
    const ac_texts *stories, *ends;            /* [m] */
    const int64_t *story_offsets, *id_offsets; /* [n + 1], [m + 1] */
    const int32_t *ids;
    const float *scores, *clip_scores; /* [m]; clip_scores NULL: there are none */
} ac_story_rows;

void ac_story_record_push(ac_buffer *out, const ac_story_rows *rows, int64_t i);

#endif
