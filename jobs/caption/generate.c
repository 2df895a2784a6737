/* Stage generate: table -> BART's candidates -> CLIP's scores -> the caption, a shard at a
 * time. */
#include <stdlib.h>

#include "io/hdf5/shard_file.h"
#include "jobs/caption/stages.h"

static ac_status
write_shard(const ac_captioner *self, const char *path, char checksum[33])
{
    ac_status st = AC_OK;
    ac_shard_writer w = { 0 };
    const int64_t n = self->keys.count, total = self->candidates.count;

    AC_TRY(ac_shard_create(&w, path, (ac_compression) self->config->output.compression,
                           AC_SHARD_CAPTIONS));
    AC_TRY(ac_shard_write_texts(&w, AC_CAPTIONS_KEYS, &self->keys));
    AC_TRY(ac_shard_write_texts(&w, AC_CAPTIONS_CAPTIONS, &self->captions));
    AC_TRY(ac_shard_write(&w, AC_CAPTIONS_CLIP_SCORES, n, 0, self->clip_scores));
    AC_TRY(ac_shard_write(&w, AC_CAPTIONS_CANDIDATE_OFFSETS, n, 0, self->offsets));
    AC_TRY(ac_shard_write_texts(&w, AC_CAPTIONS_CANDIDATES, &self->candidates));
    AC_TRY(ac_shard_write(&w, AC_CAPTIONS_CANDIDATE_CLIP_SCORES, total, 0,
                          self->candidate_clip_scores));
    AC_TRY(ac_shard_write(&w, AC_CAPTIONS_CANDIDATE_SCORES, total, 0, self->candidate_scores));
    AC_TRY(ac_shard_commit(&w, checksum));
out:
    ac_shard_abandon(&w);
    return st;
}

static ac_status
read_shard(ac_captioner *self, const ac_run *run, int64_t shard)
{
    char *embeddings = NULL, *tables = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_run_published_shard(run, AC_STAGE_EMBED, shard, &embeddings));
    AC_TRY(ac_run_published_shard(run, AC_STAGE_RETRIEVE, shard, &tables));
    st = ac_captioner_read(self, embeddings, tables);
out:
    free(embeddings);
    free(tables);
    return st;
}

/* ---- the row ---- */

static ac_status
open_captioner(void *context, ac_stage *stage)
{
    ac_generate_work *work = context;
    const ac_run *run = stage->run;

    return ac_captioner_init(&work->captioner, work->clip, work->bart, run->config,
                             run->manifest.shard_items, &run->inflight);
}

static ac_status
caption_shard(void *context, ac_stage *stage, ac_stage_shard *shard)
{
    ac_generate_work *work = context;
    ac_captioner *self = &work->captioner;
    ac_status st = AC_OK;

    AC_TRY(read_shard(self, stage->run, shard->number));
    AC_TRY(ac_captioner_find_items(self, work->images, shard->first, shard->count));
    self->offsets[0] = 0;
    for (int64_t i = 0; i < self->keys.count; i += self->chunk) {
        const int64_t n =
            self->keys.count - i < self->chunk ? self->keys.count - i : self->chunk;
        AC_TRY(ac_captioner_generate(self, i, n));
        AC_TRY(ac_stage_tick(stage, i));
        AC_TRY(ac_captioner_choose(self, i, n));
        AC_TRY(ac_stage_tick(stage, i + n));
    }
    ac_inflight_end(&stage->run->inflight, 0);
    AC_TRY(write_shard(self, shard->path, shard->checksum));
    shard->rows = self->keys.count;
out:
    return st;
}

static void
close_captioner(void *context)
{
    ac_generate_work *work = context;

    work->truncated_prompts = work->captioner.truncated_prompts;
    work->truncated_texts = work->captioner.truncated_texts;
    ac_captioner_free(&work->captioner);
}

const ac_stage_type ac_stage_generate = {
    .name = "generate",
    .folder = "shards",
    .unit = "images",
    .schema = &ac_shard_schemas[AC_SHARD_CAPTIONS],
    .crashes_before_probe = 2, /* a probe takes as long as the work that was in flight */
    .open = open_captioner,
    .shard = caption_shard,
    .close = close_captioner,
};
