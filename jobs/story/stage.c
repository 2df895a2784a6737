#include "jobs/story/stage.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/item_status.h"
#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "engine/text/unicode.h"
#include "io/hdf5/shard_file.h"
#include "jobs/story/record.h"
#include "jobs/story/template.h"

enum { LINES = 64 };  /* stories computed together; one that ends makes place for the next */
enum { CHUNK = 128 }; /* captions whose stories follow each other into the batch */

/* A shard's rows as they are gathered, and a chunk of prompts. */
typedef struct ac_storyteller {
    const ac_run *run; /* borrowed */
    ac_story_work *work;
    /* a chunk */
    int32_t *ids; /* [offsets[count]] */
    int64_t ids_capacity, offsets[CHUNK + 1], count, first_item;
    int64_t items[CHUNK];
    uint64_t streams[CHUNK];
    ac_generated generated;
    ac_encoding encoding;
    ac_buffer text;
    ac_texts prompts; /* of the chunk */
    /* a shard */
    ac_texts keys, captions, shard_prompts, stories, ends;
    int64_t *story_offsets, *id_offsets; /* [n + 1], [m + 1] */
    int64_t story_capacity, id_offset_capacity, id_count, token_capacity, score_capacity,
        clip_capacity;
    int32_t *tokens;             /* [id_count] */
    float *scores, *clip_scores; /* [m] */
    int64_t truncated;           /* prompts */
    ac_texts bad_keys, bad_reasons, bad_details;
} teller;

static void
teller_free(teller *self)
{
    free(self->ids);
    ac_generated_free(&self->generated);
    ac_encoding_free(&self->encoding);
    ac_buffer_free(&self->text);
    ac_texts_free(&self->prompts);
    ac_texts_free(&self->keys);
    ac_texts_free(&self->captions);
    ac_texts_free(&self->shard_prompts);
    ac_texts_free(&self->stories);
    ac_texts_free(&self->ends);
    free(self->story_offsets);
    free(self->id_offsets);
    free(self->tokens);
    free(self->scores);
    free(self->clip_scores);
    ac_texts_free(&self->bad_keys);
    ac_texts_free(&self->bad_reasons);
    ac_texts_free(&self->bad_details);
}

const char *
ac_story_system(const ac_config *config)
{
    const char *system = config->story.system;

    return system && *system && strcmp(system, "none") != 0 ? system : NULL;
}

ac_status
ac_story_prompt(ac_buffer *out, const ac_config *config, const ac_story_captions *captions,
                int64_t item)
{
    return ac_story_template_fill(out, config->story.prompt, ac_story_system(config),
                                  (ac_story_chat) config->story.chat, &captions->captions,
                                  &captions->tables, item);
}

/* ---- prompts ---- */

/* The last tokens of a prompt that is longer than `longest`, so that what is wanted fits behind
 * them; what the tokenizer puts in front stays. */
static void
truncate_left(teller *self, int64_t longest)
{
    const ac_causal_model *m = self->work->model;
    const int64_t all = longest + 1, wanted = m->generation.max_new_tokens,
                  most = wanted > 0 && wanted < all / 2 ? all - wanted : all - all / 2,
                  front = ac_causal_model_front(m), kept = front < most ? front : most;
    ac_encoding *e = &self->encoding;

    memmove(e->ids + kept, e->ids + e->count - (most - kept),
            (size_t) (most - kept) * sizeof *e->ids);
    e->count = most;
    self->truncated++;
}

static bool
is_blank(const char *text, size_t n)
{
    size_t i = 0;

    while (i < n && strchr(" \t\r\n", text[i]) && text[i])
        i++;
    return i == n;
}

/* An item's prompt into self->encoding, or what is wrong with it into status. */
static ac_status
encode(teller *self, int64_t item, ac_item_status *status)
{
    const ac_story_captions *c = self->work->captions;
    const ac_causal_model *m = self->work->model;
    const int64_t most = ac_causal_model_longest_prompt(m);
    ac_status st = AC_OK;

    if (ac_quarantine_has(&self->run->quarantine, item))
        return ac_item_status_set(status, AC_REJECT_CRASHED,
                                  "ended the program, and again when it was tried alone");
    if (c->repeated && c->repeated[item])
        return ac_item_status_set(status, AC_REJECT_DUPLICATE_KEY,
                                  "an earlier caption has this key");
    if (is_blank(ac_texts_at(&c->captions, item), ac_texts_size(&c->captions, item)))
        return ac_item_status_set(status, AC_REJECT_NO_CAPTION, "there is no caption");
    AC_TRY(ac_story_prompt(&self->text, self->run->config, c, item));
    if (ac_utf8_check(self->text.data, self->text.size) != AC_OK)
        return ac_item_status_set(status, AC_REJECT_CAPTION_NOT_UTF8, "%s", ac_error_message());
    AC_TRY(ac_causal_model_encode(m, self->text.data, self->text.size, &self->encoding));
    if (self->encoding.count == 0)
        return ac_item_status_set(status, AC_REJECT_EMPTY, "the prompt has no token");
    if (self->encoding.count > most) {
        if (self->run->config->story.overflow)
            return ac_item_status_set(status, AC_REJECT_TOO_LARGE,
                                      "the prompt has %lld tokens; %lld fit into the model",
                                      (long long) self->encoding.count, (long long) most);
        truncate_left(self, most);
    }
out:
    return st;
}

static ac_status
push_prompt(teller *self, int64_t item)
{
    const ac_story_captions *c = self->work->captions;
    const int64_t at = self->offsets[self->count], n = self->encoding.count;
    ac_status st = AC_OK;

    AC_TRY(ac_grow(&self->ids, &self->ids_capacity, at + n, sizeof *self->ids));
    memcpy(self->ids + at, self->encoding.ids, (size_t) n * sizeof *self->ids);
    AC_TRY(ac_texts_push(&self->prompts, self->text.data, self->text.size));
    self->items[self->count] = item;
    self->streams[self->count] =
        ac_random_stream(ac_texts_at(&c->keys, item), ac_texts_size(&c->keys, item));
    self->offsets[++self->count] = at + n;
out:
    return st;
}

static ac_status
push_bad(teller *self, int64_t item, const ac_item_status *status)
{
    const ac_texts *keys = &self->work->captions->keys;
    const char *reason = ac_reject_reason_name(status->reason);
    ac_status st = AC_OK;

    AC_TRY(ac_texts_push(&self->bad_keys, ac_texts_at(keys, item), ac_texts_size(keys, item)));
    AC_TRY(ac_texts_push(&self->bad_reasons, reason, strlen(reason)));
    st = ac_texts_push(&self->bad_details, status->detail, strlen(status->detail));
out:
    return st;
}

/* ---- stories ---- */

static ac_status
push_story(teller *self, const ac_candidate *c, int64_t prompt, float clip_score)
{
    const int64_t m = self->stories.count, n = c->count - prompt;
    const char *end = ac_causal_end_names[ac_causal_model_end(self->work->model, c, prompt)];
    ac_status st = AC_OK;

    AC_TRY(
        ac_grow(&self->id_offsets, &self->id_offset_capacity, m + 2, sizeof *self->id_offsets));
    AC_TRY(ac_grow(&self->tokens, &self->token_capacity, self->id_count + n,
                   sizeof *self->tokens));
    AC_TRY(ac_grow(&self->scores, &self->score_capacity, m + 1, sizeof *self->scores));
    AC_TRY(ac_grow(&self->clip_scores, &self->clip_capacity, m + 1, sizeof *self->clip_scores));
    AC_TRY(ac_causal_model_said(self->work->model, c, prompt, &self->text));
    AC_TRY(ac_texts_push(&self->stories, self->text.data, self->text.size));
    AC_TRY(ac_texts_push(&self->ends, end, strlen(end)));
    if (n)
        memcpy(self->tokens + self->id_count, c->ids + prompt, (size_t) n * sizeof *c->ids);
    self->id_count += n;
    self->id_offsets[0] = 0;
    self->id_offsets[m + 1] = self->id_count;
    self->scores[m] = (float) c->score;
    self->clip_scores[m] = clip_score;
out:
    return st;
}

/* CLIP's score of story k of the chunk's prompt i; 0: nothing is ranked by it. */
static float
clip_score(const teller *self, int64_t i, int64_t k)
{
    const ac_story_ranker *r = self->work->ranker;

    return r ? r->scores[i * self->generated.each + k] : 0;
}

/* Does story a come before b, which was generated earlier? */
static bool
is_better(const teller *self, int64_t i, int64_t a, int64_t b)
{
    const float x = clip_score(self, i, a), y = clip_score(self, i, b);

    return x != y ? x > y
                  : ac_generated_at(&self->generated, i, a).score >
                        ac_generated_at(&self->generated, i, b).score;
}

/* A prompt's stories, the best first; equal ones in the order generated. */
static ac_status
push_stories(teller *self, int64_t i)
{
    const ac_generated *g = &self->generated;
    const int64_t each = g->each, prompt = self->offsets[i + 1] - self->offsets[i];
    int64_t *order = NULL;
    ac_status st = ac_alloc(&order, each, sizeof *order);

    AC_TRY(st);
    for (int64_t k = 0; k < each; k++) {
        int64_t at = k;
        for (; at > 0 && is_better(self, i, k, order[at - 1]); at--)
            order[at] = order[at - 1];
        order[at] = k;
    }
    for (int64_t k = 0; k < each; k++) {
        const ac_candidate c = ac_generated_at(g, i, order[k]);
        AC_TRY(push_story(self, &c, prompt, clip_score(self, i, order[k])));
    }
out:
    free(order);
    return st;
}

/* CLIP's scores of the chunk's stories. */
static ac_status
rank_chunk(teller *self)
{
    const bool chat = self->run->config->story.chat != AC_CHAT_NONE;
    const ac_texts *keys = &self->work->captions->keys, *prompts = &self->prompts;
    ac_story_ranker *r = self->work->ranker;
    ac_status st = AC_OK;

    ac_story_ranker_begin(r);
    for (int64_t i = 0; i < self->count; i++) {
        const int64_t item = self->items[i], each = self->generated.each;
        AC_TRY(
            ac_story_ranker_caption(r, i, ac_texts_at(keys, item), ac_texts_size(keys, item)));
        for (int64_t k = 0; k < each; k++) {
            const ac_candidate c = ac_generated_at(&self->generated, i, k);
            AC_TRY(ac_causal_model_said(self->work->model, &c,
                                        self->offsets[i + 1] - self->offsets[i], &self->text));
            AC_TRY(ac_story_ranker_story(r, i, chat ? "" : ac_texts_at(prompts, i),
                                         chat ? 0 : ac_texts_size(prompts, i), self->text.data,
                                         self->text.size));
        }
    }
    st = ac_story_ranker_score(r, self->count);
out:
    return st;
}

static ac_status
tell_chunk(teller *self)
{
    const ac_story_captions *c = self->work->captions;
    ac_status st = AC_OK;

    if (self->count == 0)
        return AC_OK;
    AC_TRY(ac_causal_model_generate(self->work->model, self->ids, self->offsets, self->streams,
                                    self->count, &self->generated));
    if (self->work->ranker)
        AC_TRY(rank_chunk(self));
    for (int64_t i = 0; i < self->count; i++) {
        const int64_t item = self->items[i], row = self->keys.count;
        AC_TRY(ac_texts_push(&self->keys, ac_texts_at(&c->keys, item),
                             ac_texts_size(&c->keys, item)));
        AC_TRY(ac_texts_push(&self->captions, ac_texts_at(&c->captions, item),
                             ac_texts_size(&c->captions, item)));
        AC_TRY(ac_texts_push(&self->shard_prompts, ac_texts_at(&self->prompts, i),
                             ac_texts_size(&self->prompts, i)));
        AC_TRY(push_stories(self, i));
        AC_TRY(ac_grow(&self->story_offsets, &self->story_capacity, row + 2,
                       sizeof *self->story_offsets));
        self->story_offsets[row + 1] = self->stories.count;
    }
    ac_inflight_end(&self->run->inflight, 0);
    self->count = 0;
    ac_texts_reset(&self->prompts);
out:
    return st;
}

/* ---- the shard ---- */

static ac_status
begin_shard(teller *self)
{
    ac_texts *const all[] = { &self->prompts,  &self->keys,        &self->captions,
                              &self->stories,  &self->ends,        &self->shard_prompts,
                              &self->bad_keys, &self->bad_reasons, &self->bad_details };
    ac_status st = AC_OK;

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        ac_texts_reset(all[i]);
    self->count = self->id_count = self->truncated = 0;
    AC_TRY(
        ac_grow(&self->story_offsets, &self->story_capacity, 1, sizeof *self->story_offsets));
    AC_TRY(ac_grow(&self->id_offsets, &self->id_offset_capacity, 1, sizeof *self->id_offsets));
    AC_TRY(ac_grow(&self->tokens, &self->token_capacity, 1, sizeof *self->tokens));
    AC_TRY(ac_grow(&self->scores, &self->score_capacity, 1, sizeof *self->scores));
    AC_TRY(ac_grow(&self->clip_scores, &self->clip_capacity, 1, sizeof *self->clip_scores));
    self->story_offsets[0] = self->id_offsets[0] = 0;
out:
    return st;
}

static ac_status
write_shard(const teller *self, const ac_stage_shard *shard, char checksum[33])
{
    ac_shard_writer w = { 0 };
    const int64_t n = self->keys.count, m = self->stories.count;
    ac_status st = AC_OK;

    AC_TRY(ac_shard_create(&w, shard->path,
                           (ac_compression) self->run->config->output.compression,
                           AC_SHARD_STORIES));
    AC_TRY(ac_shard_write_int_attribute(&w, AC_STORIES_ITEMS, shard->count));
    AC_TRY(ac_shard_write_int_attribute(&w, AC_STORIES_TRUNCATED, self->truncated));
    AC_TRY(ac_shard_write_texts(&w, AC_STORIES_KEYS, &self->keys));
    AC_TRY(ac_shard_write_texts(&w, AC_STORIES_CAPTIONS, &self->captions));
    AC_TRY(ac_shard_write_texts(&w, AC_STORIES_PROMPTS, &self->shard_prompts));
    AC_TRY(ac_shard_write(&w, AC_STORIES_STORY_OFFSETS, n, 0, self->story_offsets));
    AC_TRY(ac_shard_write_texts(&w, AC_STORIES_STORIES, &self->stories));
    AC_TRY(ac_shard_write_texts(&w, AC_STORIES_ENDS, &self->ends));
    AC_TRY(ac_shard_write(&w, AC_STORIES_SCORES, m, 0, self->scores));
    AC_TRY(ac_shard_write(&w, AC_STORIES_ID_OFFSETS, m, 0, self->id_offsets));
    AC_TRY(ac_shard_write(&w, AC_STORIES_IDS, self->id_count, 0, self->tokens));
    if (self->work->ranker)
        AC_TRY(ac_shard_write(&w, AC_STORIES_CLIP_SCORES, m, 0, self->clip_scores));
    AC_TRY(ac_shard_write_texts(&w, AC_STORIES_REJECTED_KEYS, &self->bad_keys));
    AC_TRY(ac_shard_write_texts(&w, AC_STORIES_REJECTED_REASONS, &self->bad_reasons));
    AC_TRY(ac_shard_write_texts(&w, AC_STORIES_REJECTED_DETAILS, &self->bad_details));
    AC_TRY(ac_shard_commit(&w, checksum));
out:
    ac_shard_abandon(&w);
    return st;
}

static ac_status
open_teller(void *context, ac_stage *stage)
{
    ac_story_work *work = context;
    ac_status st = ac_alloc(&work->teller, 1, sizeof *work->teller);

    work->model->lines = LINES;
    if (st == AC_OK)
        *work->teller = (teller){ .run = stage->run, .work = work };
    return st;
}

static ac_status
tell_shard(void *context, ac_stage *stage, ac_stage_shard *shard)
{
    ac_story_work *work = context;
    teller *self = work->teller;
    ac_status st = AC_OK;

    AC_TRY(begin_shard(self));
    for (int64_t i = shard->first; i < shard->first + shard->count; i++) {
        const int64_t first = self->count ? self->items[0] : i;
        ac_item_status status = { 0 };
        ac_inflight_begin(&self->run->inflight, 0, first, i - first + 1);
        AC_TRY(encode(self, i, &status));
        AC_TRY(status.reason == AC_GOOD ? push_prompt(self, i) : push_bad(self, i, &status));
        if (self->count == CHUNK) {
            AC_TRY(tell_chunk(self));
            AC_TRY(ac_stage_tick(stage, i - shard->first + 1));
        }
    }
    AC_TRY(tell_chunk(self));
    ac_inflight_end(&self->run->inflight, 0);
    AC_TRY(ac_stage_tick(stage, shard->count));
    AC_TRY(write_shard(self, shard, shard->checksum));
    shard->rows = self->keys.count;
    shard->bad = self->bad_keys.count;
out:
    return st;
}

ac_status
ac_story_tell_one(const ac_story_work *work, const ac_config *config, int64_t item,
                  ac_buffer *line, ac_item_status *status)
{
    const ac_run none = { .config = config };
    ac_story_work own = *work;
    teller self = { .run = &none, .work = &own };
    ac_story_rows rows = { .keys = &self.keys,
                           .captions = &self.captions,
                           .prompts = &self.shard_prompts,
                           .stories = &self.stories,
                           .ends = &self.ends };
    ac_status st = AC_OK;

    ac_buffer_reset(line);
    *status = (ac_item_status){ 0 };
    AC_TRY(begin_shard(&self));
    AC_TRY(encode(&self, item, status));
    if (status->reason != AC_GOOD)
        goto out;
    AC_TRY(push_prompt(&self, item));
    AC_TRY(tell_chunk(&self));
    rows.story_offsets = self.story_offsets;
    rows.id_offsets = self.id_offsets;
    rows.ids = self.tokens;
    rows.scores = self.scores;
    rows.clip_scores = own.ranker ? self.clip_scores : NULL;
    ac_story_record_push(line, &rows, 0);
    st = line->status;
out:
    teller_free(&self);
    return st;
}

static void
close_teller(void *context)
{
    ac_story_work *work = context;

    if (work->teller)
        teller_free(work->teller);
    free(work->teller);
    work->teller = NULL;
}

const ac_stage_type ac_stage_story = {
    .name = "story",
    .folder = "shards",
    .unit = "captions",
    .schema = &ac_shard_schemas[AC_SHARD_STORIES],
    .crashes_before_probe = 2, /* a probe takes as long as the work that was in flight */
    .open = open_teller,
    .shard = tell_shard,
    .close = close_teller,
};
