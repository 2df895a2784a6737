/* One stage: the bytes of each image's file, a shard at a time; then the shards are joined. */
#include "tests/toy_job/count_bytes.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "io/file/text_file.h"
#include "io/hdf5/h5.h"
#include "io/source/open_images.h"
#include "jobs/runtime/images.h"
#include "jobs/runtime/tar_input.h"
#include "jobs/runtime/progress.h"
#include "jobs/runtime/stage.h"

/* The stage's context. */
typedef struct counter {
    const ac_image_source *images;
    ac_texts keys;
    ac_buffer key, bytes;
    int64_t *counts; /* [shard_items] */
} counter;

static ac_status
open_counter(void *context, ac_stage *stage)
{
    counter *self = context;

    return ac_alloc(&self->counts, stage->run->manifest.shard_items, sizeof *self->counts);
}

static void
close_counter(void *context)
{
    counter *self = context;

    ac_texts_free(&self->keys);
    ac_buffer_free(&self->key);
    ac_buffer_free(&self->bytes);
    free(self->counts);
}

static ac_status
write_shard(const counter *self, const ac_stage *stage, ac_stage_shard *shard)
{
    const int64_t n = self->keys.count;
    ac_h5_writer w = { 0 };
    ac_status st = AC_OK;

    AC_TRY(
        ac_h5_create(&w, shard->path, (ac_compression) stage->run->config->output.compression));
    AC_TRY(ac_h5_write_texts(&w, "keys", &self->keys));
    AC_TRY(ac_h5_write(&w, "bytes", AC_I64, 1, &n, self->counts));
    AC_TRY(ac_h5_commit(&w, shard->checksum));
    shard->rows = n;
out:
    ac_h5_abandon(&w);
    return st;
}

static ac_status
count_shard(void *context, ac_stage *stage, ac_stage_shard *shard)
{
    counter *self = context;
    ac_status st = AC_OK;

    ac_texts_reset(&self->keys);
    for (int64_t i = 0; i < shard->count; i++) {
        const int64_t item = shard->first + i;
        ac_item_status status = { 0 };
        ac_inflight_begin(&stage->run->inflight, 0, item, 1);
        AC_TRY(ac_image_source_read(self->images, item, &self->bytes, &status));
        ac_inflight_end(&stage->run->inflight, 0);
        AC_TRY(ac_stage_tick(stage, i + 1));
        if (status.reason != AC_GOOD) {
            shard->bad++;
            continue;
        }
        AC_TRY(ac_image_source_key(self->images, item, &self->key));
        self->counts[self->keys.count] = (int64_t) self->bytes.size;
        AC_TRY(ac_texts_push(&self->keys, self->key.data, self->key.size));
    }
    st = write_shard(self, stage, shard);
out:
    return st;
}

static const ac_stage_type stage_count = {
    .name = "count",
    .folder = "counts",
    .unit = "images",
    .crashes_before_probe = 1,
    .open = open_counter,
    .shard = count_shard,
    .close = close_counter,
};

/* Rank 0: the shards' rows as lines. */
static ac_status
join_shards(const ac_run *run)
{
    ac_buffer lines = { 0 };
    ac_text_file f = { 0 };
    ac_texts keys = { 0 };
    int64_t *counts = NULL;
    char *path = NULL;
    ac_h5_reader r = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&counts, run->manifest.shard_items, sizeof *counts));
    AC_TRY(ac_run_create_file(run, &f, "counts.txt"));
    for (int64_t s = 0; s < run->manifest.shard_count; s++) {
        AC_TRY(ac_run_shard_path(run, 0, s, &path));
        AC_TRY(ac_h5_open(&r, path));
        AC_TRY(ac_h5_read_texts(&r, "keys", &keys));
        AC_TRY(ac_h5_read(&r, "bytes", AC_I64, 1, &keys.count, counts));
        for (int64_t i = 0; i < keys.count; i++)
            ac_buffer_printf(&lines, "%.*s %lld\n", (int) ac_texts_size(&keys, i),
                             ac_texts_at(&keys, i), (long long) counts[i]);
        ac_h5_close(&r);
        free(path);
        path = NULL;
        AC_TRY(lines.status);
        ac_text_file_write(&f, lines.data, lines.size);
        ac_buffer_reset(&lines);
    }
    st = ac_text_file_commit(&f);
out:
    ac_text_file_abandon(&f);
    ac_h5_close(&r);
    ac_buffer_free(&lines);
    ac_texts_free(&keys);
    free(counts);
    free(path);
    return st;
}

static ac_status
count_bytes_all(const ac_comm *comm, const ac_config *config, const char *folder,
                ac_locks *locks)
{
    ac_image_source images = { 0 };
    counter work = { .images = &images };
    ac_run run = { 0 };
    ac_run_identity id = { .job = ac_job_count_bytes.name,
                           .stages = ac_job_count_bytes.stages,
                           .clip = "",
                           .cache = "",
                           .bart = "",
                           .kernels = "" };
    ac_image_options options = { 0 };
    char *index = NULL;
    const ac_tar_input tars = { .path = config->input.path,
                                .what = "input.path",
                                .folder = folder };
    bool is_tars;
    ac_status st = AC_OK;

    (void) locks;
    if (!config->input.path)
        AC_FAIL(AC_E_ARG, "input.path: a folder, a list, a dataset or tars");
    AC_TRY(ac_tar_input_open_all(&images, comm, config, &tars, &is_tars));
    if (comm->rank == 0 && !is_tars)
        st = ac_images_index_path(config, folder, "input.path", &index);
    options.index = index;
    if (comm->rank == 0 && !is_tars && st == AC_OK)
        st = ac_images_open(&images, config->input.path, "input.path", &options);
    if (!is_tars)
        AC_TRY(ac_images_share_all(&images, comm, config, st));
    id.items = images.count;
    id.input = images.fingerprint;
    AC_TRY(ac_run_open_all(&run, comm, config, folder, &id));
    if (!run.finished_before) {
        AC_TRY(ac_stage_run_all(&run, &stage_count, &work));
        AC_TRY(ac_agree_all(comm, comm->rank == 0 ? join_shards(&run) : AC_OK));
        AC_TRY(ac_run_finish_all(&run));
    }
    if (comm->rank == 0)
        ac_log(AC_LOG_INFO, "results: %s/counts.txt", folder);
out:
    free(index);
    ac_run_free(&run);
    ac_image_source_free(&images);
    return st;
}

const ac_job ac_job_count_bytes = {
    .name = "count-bytes",
    .summary = "images -> the bytes of each file",
    .stages = (const ac_stage_type *const[]){ &stage_count, NULL },
    .run = count_bytes_all,
};
