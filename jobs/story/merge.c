#include "jobs/story/merge.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "io/file/json_write.h"
#include "io/file/text_file.h"
#include "io/hdf5/shard_file.h"
#include "jobs/story/record.h"

enum { STORY = 0 }; /* the stage's number */

/* A shard as it is read. */
typedef struct shard {
    ac_h5_reader h5;
    char *path;
    ac_texts keys, captions, prompts, stories, ends, bad_keys, bad_reasons, bad_details;
    int64_t *story_offsets, *id_offsets;
    float *scores, *clip_scores; /* clip_scores NULL: nothing is ranked by them */
    int32_t *ids;
} shard;

static void
shard_free(shard *self)
{
    ac_h5_close(&self->h5);
    free(self->path);
    ac_texts_free(&self->keys);
    ac_texts_free(&self->captions);
    ac_texts_free(&self->prompts);
    ac_texts_free(&self->stories);
    ac_texts_free(&self->ends);
    ac_texts_free(&self->bad_keys);
    ac_texts_free(&self->bad_reasons);
    ac_texts_free(&self->bad_details);
    free(self->story_offsets);
    free(self->id_offsets);
    free(self->scores);
    free(self->clip_scores);
    free(self->ids);
}

static ac_status
read_numbers(shard *self)
{
    const int64_t n = self->keys.count, m = self->stories.count;
    int64_t tokens;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&self->story_offsets, n + 1, sizeof *self->story_offsets));
    AC_TRY(ac_alloc(&self->id_offsets, m + 1, sizeof *self->id_offsets));
    AC_TRY(ac_alloc(&self->scores, m, sizeof *self->scores));
    AC_TRY(ac_shard_read(&self->h5, AC_STORIES_STORY_OFFSETS, n, 0, self->story_offsets));
    AC_TRY(ac_shard_read(&self->h5, AC_STORIES_ID_OFFSETS, m, 0, self->id_offsets));
    AC_TRY(ac_shard_read(&self->h5, AC_STORIES_SCORES, m, 0, self->scores));
    if (ac_shard_has(&self->h5, AC_STORIES_CLIP_SCORES)) {
        AC_TRY(ac_alloc(&self->clip_scores, m, sizeof *self->clip_scores));
        AC_TRY(ac_shard_read(&self->h5, AC_STORIES_CLIP_SCORES, m, 0, self->clip_scores));
    }
    AC_TRY(ac_shard_shape(&self->h5, AC_STORIES_IDS, &tokens, NULL));
    if (self->story_offsets[n] != m || self->id_offsets[m] != tokens)
        AC_FAIL(AC_E_FORMAT, "%s: its stories do not fit together: damaged", self->path);
    AC_TRY(ac_alloc(&self->ids, tokens, sizeof *self->ids));
    st = ac_shard_read(&self->h5, AC_STORIES_IDS, tokens, 0, self->ids);
out:
    return st;
}

static ac_status
read_shard(shard *self, const ac_run *run, int64_t number)
{
    ac_status st = AC_OK;

    AC_TRY(ac_run_published_shard(run, STORY, number, &self->path));
    AC_TRY(ac_h5_open(&self->h5, self->path));
    AC_TRY(ac_shard_read_texts(&self->h5, AC_STORIES_KEYS, &self->keys));
    AC_TRY(ac_shard_read_texts(&self->h5, AC_STORIES_CAPTIONS, &self->captions));
    AC_TRY(ac_shard_read_texts(&self->h5, AC_STORIES_PROMPTS, &self->prompts));
    AC_TRY(ac_shard_read_texts(&self->h5, AC_STORIES_STORIES, &self->stories));
    AC_TRY(ac_shard_read_texts(&self->h5, AC_STORIES_ENDS, &self->ends));
    AC_TRY(ac_shard_read_texts(&self->h5, AC_STORIES_REJECTED_KEYS, &self->bad_keys));
    AC_TRY(ac_shard_read_texts(&self->h5, AC_STORIES_REJECTED_REASONS, &self->bad_reasons));
    AC_TRY(ac_shard_read_texts(&self->h5, AC_STORIES_REJECTED_DETAILS, &self->bad_details));
    if (self->captions.count != self->keys.count || self->prompts.count != self->keys.count ||
        self->ends.count != self->stories.count ||
        self->bad_reasons.count != self->bad_keys.count ||
        self->bad_details.count != self->bad_keys.count)
        AC_FAIL(AC_E_FORMAT, "%s: its rows do not fit together: damaged", self->path);
    st = read_numbers(self);
out:
    return st;
}

static ac_story_rows
rows_of(const shard *s)
{
    return (ac_story_rows){
        .keys = &s->keys,
        .captions = &s->captions,
        .prompts = &s->prompts,
        .stories = &s->stories,
        .ends = &s->ends,
        .story_offsets = s->story_offsets,
        .id_offsets = s->id_offsets,
        .ids = s->ids,
        .scores = s->scores,
        .clip_scores = s->clip_scores,
    };
}

static void
push_bad(ac_buffer *b, const shard *s, int64_t i)
{
    ac_buffer_push_text(b, "{");
    ac_json_texts_field(b, "key", &s->bad_keys, i);
    ac_buffer_push_text(b, ", ");
    ac_json_texts_field(b, "reason", &s->bad_reasons, i);
    ac_buffer_push_text(b, ", ");
    ac_json_texts_field(b, "detail", &s->bad_details, i);
    ac_buffer_push_text(b, "}\n");
}

static ac_status
flush(ac_text_file *f, ac_buffer *b)
{
    const ac_status st = b->status;

    if (st == AC_OK && b->size)
        ac_text_file_write(f, b->data, b->size);
    ac_buffer_reset(b);
    return st;
}

static ac_status
count(const shard *s, ac_story_counts *counts)
{
    int64_t truncated = 0;

    if (ac_shard_has_attribute(&s->h5, AC_STORIES_TRUNCATED)) {
        const ac_status st =
            ac_shard_read_int_attribute(&s->h5, AC_STORIES_TRUNCATED, &truncated);
        if (st != AC_OK)
            return st;
    } else {
        counts->unsaid++;
    }
    counts->truncated += truncated;
    counts->stories += s->stories.count;
    for (int64_t m = 0; m < s->stories.count; m++)
        for (int e = 0; e < AC_CAUSAL_ENDS; e++)
            counts->ends[e] += ac_texts_is(&s->ends, m, ac_causal_end_names[e],
                                           strlen(ac_causal_end_names[e]));
    return AC_OK;
}

ac_status
ac_story_merge(const ac_run *run, ac_story_counts *counts)
{
    ac_text_file stories = { 0 }, keys = { 0 }, bad = { 0 };
    ac_buffer b = { 0 };
    ac_story_rows rows;
    shard s = { 0 };
    ac_status st = AC_OK;

    *counts = (ac_story_counts){ 0 };
    AC_TRY(ac_run_create_file(run, &stories, "stories.jsonl"));
    AC_TRY(ac_run_create_file(run, &keys, "keys.txt"));
    AC_TRY(ac_run_create_file(run, &bad, "bad_items.jsonl"));
    for (int64_t number = 0; number < run->manifest.shard_count; number++) {
        shard_free(&s);
        s = (shard){ 0 };
        AC_TRY(read_shard(&s, run, number));
        AC_TRY(count(&s, counts));
        rows = rows_of(&s);
        for (int64_t i = 0; i < s.keys.count; i++) {
            ac_story_record_push(&b, &rows, i);
            AC_TRY(flush(&stories, &b));
            ac_text_push_name_line(&b, ac_texts_at(&s.keys, i), ac_texts_size(&s.keys, i));
            AC_TRY(flush(&keys, &b));
        }
        for (int64_t i = 0; i < s.bad_keys.count; i++)
            push_bad(&b, &s, i);
        AC_TRY(flush(&bad, &b));
    }
    AC_TRY(ac_text_file_commit(&stories));
    AC_TRY(ac_text_file_commit(&keys));
    st = ac_text_file_commit(&bad);
out:
    ac_text_file_abandon(&stories);
    ac_text_file_abandon(&keys);
    ac_text_file_abandon(&bad);
    ac_buffer_free(&b);
    shard_free(&s);
    return st;
}
