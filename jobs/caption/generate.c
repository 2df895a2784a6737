/* Stage generate: table -> BART's candidates -> CLIP's scores -> the caption, a shard at a
 * time. */
#include <stdlib.h>

#include "io/hdf5/h5.h"
#include "jobs/caption/captioner.h"

static ac_status
write_shard(const ac_captioner *self, const ac_pipeline *p, int64_t shard, char checksum[33])
{
    ac_status st = AC_OK;
    ac_h5_writer w = { 0 };
    char *path = NULL;
    const int64_t n = self->keys.count, total = self->candidates.count;

    AC_TRY(ac_run_shard_path(&p->run, AC_STAGE_GENERATE, shard, &path));
    AC_TRY(ac_h5_create(&w, path, (ac_compression) p->config->output.compression));
    AC_TRY(ac_h5_write_text_attribute(&w, "content", "captions"));
    AC_TRY(ac_h5_write_texts(&w, "keys", &self->keys));
    AC_TRY(ac_h5_write_texts(&w, "captions", &self->captions));
    AC_TRY(ac_h5_write(&w, "clip_scores", AC_F32, 1, &n, self->clip_scores));
    AC_TRY(
        ac_h5_write(&w, "candidate_offsets", AC_I64, 1, (int64_t[]){ n + 1 }, self->offsets));
    AC_TRY(ac_h5_write_texts(&w, "candidates", &self->candidates));
    AC_TRY(ac_h5_write(&w, "candidate_clip_scores", AC_F32, 1, &total,
                       self->candidate_clip_scores));
    AC_TRY(ac_h5_write(&w, "candidate_scores", AC_F32, 1, &total, self->candidate_scores));
    AC_TRY(ac_h5_commit(&w, checksum));
out:
    ac_h5_abandon(&w);
    free(path);
    return st;
}

static ac_status
caption_shard(ac_captioner *self, ac_pipeline *p, int64_t shard)
{
    ac_status st = AC_OK;
    char checksum[33];

    AC_TRY(ac_captioner_read(self, p, shard));
    self->offsets[0] = 0;
    for (int64_t i = 0; i < self->keys.count; i += self->chunk) {
        const int64_t n =
            self->keys.count - i < self->chunk ? self->keys.count - i : self->chunk;
        AC_TRY(ac_captioner_generate(self, p, i, n));
        AC_TRY(ac_run_tick(&p->run));
        AC_TRY(ac_captioner_choose(self, p, i, n));
        AC_TRY(ac_run_tick(&p->run));
    }
    ac_run_put(&p->run, 0);
    AC_TRY(write_shard(self, p, shard, checksum));
    AC_TRY(ac_run_publish(&p->run, shard, self->keys.count, 0, checksum));
out:
    ac_run_put(&p->run, 0); /* a stop or a failure is no death */
    return st;
}

ac_status
ac_stage_generate_all(ac_pipeline *p)
{
    ac_captioner c = { 0 };
    ac_status st = ac_run_stage_begin_all(&p->run, AC_STAGE_GENERATE, "images");

    if (st != AC_OK)
        return st;
    if (p->run.todo_count)
        st = ac_captioner_init(&c, p);
    for (int64_t shard; st == AC_OK && ac_run_claim(&p->run, &shard);)
        st = caption_shard(&c, p, shard);
    if (st != AC_OK)
        ac_run_fail(&p->run);
    ac_captioner_free(&c);
    return ac_run_stage_end_all(&p->run, st);
}
