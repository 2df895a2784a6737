/** What a run has found for an image, as JSON: lines of captions.jsonl and tags.jsonl. */
#ifndef AC_JOBS_CAPTION_RECORD_H
#define AC_JOBS_CAPTION_RECORD_H

#include "jobs/runtime/shard_view.h"

/* Failure sticks to the buffer. stages: how far the job went (2: tag, 3: caption). */

/** All of image i but its key, without braces: "caption", "clip_score", "table", "candidates".
 */
void ac_record_push_fields(ac_buffer *b, const ac_shard_view *v, int64_t i, int stages);

/** The image's line without its end: key, the fields above, and those of output.metadata and
 * output.exif. Further fields may follow. */
void ac_record_push(ac_buffer *b, const ac_shard_view *v, int64_t i, int stages);

/** The same as CSV, an entry k of image i's table (i K <= k) per row, without the line's end:
 * key, rank, entry, id, score, and where the tables have them cache and probability. view: of
 * any image, or NULL, where there is none. */
void ac_record_push_csv_head(ac_buffer *b, const ac_shard_view *view);
void ac_record_push_csv(ac_buffer *b, const ac_shard_view *v, int64_t i, int64_t k);

#endif
