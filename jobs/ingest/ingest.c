/* The job ingest: one stage, and the merge of what people read. */
#include <stdlib.h>
#include <sys/stat.h>

#include "engine/base/log.h"
#include "engine/image/recipe.h"
#include "io/checkpoint/clip_files.h"
#include "io/file/file_look.h"
#include "io/file/json_write.h"
#include "io/file/text_file.h"
#include "io/file/publish.h"
#include "io/hdf5/image_shard.h"
#include "io/source/image_dataset.h"
#include "jobs/caption/crash_probe.h"
#include "jobs/caption/fields.h"
#include "jobs/caption/stages.h"
#include "jobs/ingest/ingest_job.h"
#include "jobs/ingest/stage.h"
#include "jobs/runtime/images.h"
#include "jobs/runtime/progress.h"
#include "jobs/runtime/summary.h"
#include "jobs/runtime/tar_input.h"

enum { INGEST = 0 }; /* the stage's number */

static ac_status
open_images_all(ac_image_source *images, const ac_comm *comm, const ac_config *config,
                const char *folder)
{
    const ac_tar_input tars = {
        .path = config->input.path, .what = "input.path", .folder = folder, .compressed = true
    };
    bool is_tars;
    ac_status st = AC_OK;

    AC_TRY(ac_tar_input_open_all(images, comm, config, &tars, &is_tars));
    if (!is_tars)
        st = ac_images_open_input_all(images, comm, config, folder, true);
out:
    return st;
}

/* Rank 0. A dataset in its source's own folder would be the source when the run resumes. */
static ac_status
check_folder(const ac_config *config, const char *folder)
{
    const char *source = ac_images_place(config);
    struct stat a, b;

    if (source && ac_file_stat(source, &a) == 0 && ac_file_stat(folder, &b) == 0 &&
        a.st_dev == b.st_dev && a.st_ino == b.st_ino)
        return ac_error_set(AC_E_ARG,
                            "%s is the source itself: the image dataset needs a folder of its "
                            "own (--out)",
                            folder);
    return AC_OK;
}

/* ---- the merge, on rank 0 ---- */

/* A shard's keys, what tells it from others, and rejected items, as lines. */
static ac_status
push_shard(const ac_run *run, int64_t shard, ac_buffer *keys, ac_buffer *contents,
           ac_buffer *bad)
{
    ac_h5_reader h5 = { 0 };
    ac_texts names = { 0 }, hashes = { 0 }, reasons = { 0 }, details = { 0 };
    char *path = NULL, hex[33];
    ac_status st = AC_OK;

    AC_TRY(ac_run_published_shard(run, INGEST, shard, &path));
    AC_TRY(ac_h5_open(&h5, path));
    AC_TRY(ac_shard_read_texts(&h5, AC_IMAGES_KEYS, &names));
    for (int64_t i = 0; i < names.count; i++)
        ac_text_push_name_line(keys, ac_texts_at(&names, i), ac_texts_size(&names, i));
    AC_TRY(ac_shard_read_texts(&h5, AC_IMAGES_CONTENT_HASH, &hashes));
    ac_image_shard_contents(&names, &hashes, hex);
    AC_TRY(ac_buffer_printf(contents, "%s\n", hex));
    AC_TRY(ac_shard_read_texts(&h5, AC_IMAGES_REJECTED_KEYS, &names));
    AC_TRY(ac_shard_read_texts(&h5, AC_IMAGES_REJECTED_REASONS, &reasons));
    AC_TRY(ac_shard_read_texts(&h5, AC_IMAGES_REJECTED_DETAILS, &details));
    if (reasons.count != names.count || details.count != names.count)
        AC_FAIL(AC_E_FORMAT, "%s: its rejected items do not fit together: damaged", path);
    for (int64_t i = 0; i < names.count; i++) {
        ac_buffer_push_text(bad, "{");
        ac_json_texts_field(bad, "key", &names, i);
        ac_buffer_push_text(bad, ", ");
        ac_json_texts_field(bad, "reason", &reasons, i);
        ac_buffer_push_text(bad, ", ");
        ac_json_texts_field(bad, "detail", &details, i);
        ac_buffer_push_text(bad, "}\n");
    }
    st = keys->status != AC_OK ? keys->status : bad->status;
out:
    ac_h5_close(&h5);
    ac_texts_free(&names);
    ac_texts_free(&hashes);
    ac_texts_free(&reasons);
    ac_texts_free(&details);
    free(path);
    return st;
}

/* keys.txt, contents.txt and bad_items.jsonl. */
static ac_status
merge(const ac_run *run)
{
    ac_text_file keys_file = { 0 }, bad_file = { 0 };
    ac_buffer keys = { 0 }, contents = { 0 }, bad = { 0 };
    char *path = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_run_create_file(run, &keys_file, "keys.txt"));
    AC_TRY(ac_run_create_file(run, &bad_file, "bad_items.jsonl"));
    for (int64_t s = 0; s < run->manifest.shard_count; s++) {
        ac_buffer_reset(&keys);
        ac_buffer_reset(&bad);
        AC_TRY(push_shard(run, s, &keys, &contents, &bad));
        ac_text_file_write(&keys_file, keys.data ? keys.data : "", keys.size);
        ac_text_file_write(&bad_file, bad.data ? bad.data : "", bad.size);
    }
    AC_TRY(ac_run_path(run, &path, AC_IMAGE_CONTENTS));
    AC_TRY(ac_publish_file(path, contents.data ? contents.data : "", contents.size));
    AC_TRY(ac_text_file_commit(&keys_file));
    st = ac_text_file_commit(&bad_file);
out:
    ac_buffer_free(&contents);
    free(path);
    ac_text_file_abandon(&keys_file);
    ac_text_file_abandon(&bad_file);
    ac_buffer_free(&keys);
    ac_buffer_free(&bad);
    return st;
}

static ac_status
write_summary(const ac_run *run, const ac_image_source *images, double seconds)
{
    const int64_t ok = ac_run_rows(run, INGEST);
    ac_buffer b = { 0 };
    ac_status st;

    ac_summary_begin(&b, run, ok, ac_run_bad(run, INGEST));
    ac_summary_ranks(&b, run->comm);
    if (ac_passed_over_any(&images->passed_over)) {
        ac_buffer_push_text(&b, "  \"passed_over\": ");
        ac_passed_over_push_json(&images->passed_over, &b);
        ac_buffer_push_text(&b, ",\n");
    }
    st = ac_tar_input_push_json(images, &b);
    if (st != AC_OK)
        goto out;
    ac_buffer_printf(&b, "  \"wall_seconds\": %.3f,\n  \"pictures_per_second\": %.4g,\n",
                     seconds, seconds > 0 ? (double) ok / seconds : 0);
    st = ac_summary_publish(&b, run, (ac_summary_stage){ 0 });
out:
    ac_buffer_free(&b);
    return st;
}

static void
show_result(const ac_run *run)
{
    const ac_config *config = run->config;

    if (run->comm->rank != 0)
        return;
    if (ac_run_is_part(run)) {
        ac_log(AC_LOG_INFO,
               "part %lld of %lld is done; the same command without compute.parts completes "
               "the dataset",
               (long long) config->compute.part, (long long) config->compute.parts);
        return;
    }
    ac_log(AC_LOG_INFO, "%lld items: %lld ingested, %lld rejected%s",
           (long long) run->manifest.items, (long long) ac_run_rows(run, INGEST),
           (long long) ac_run_bad(run, INGEST),
           ac_run_bad(run, INGEST) ? " (bad_items.jsonl)" : "");
    ac_log(AC_LOG_INFO, "image dataset: %s (input.path of other jobs)", run->folder);
}

/* ---- the job ---- */

/* What rank 0 finds out for all. */
typedef struct plan {
    ac_preprocess_recipe recipe; /* of ingest.store: pixels */
    int64_t shard_items;
} plan;

static ac_status
make_plan(plan *self, const ac_config *config, const ac_image_source *images)
{
    ac_clip_files files = { 0 };
    ac_status st = AC_OK;

    self->recipe = ac_preprocess_openai(config->ingest.size);
    if (config->ingest.store == AC_STORE_PIXELS && config->clip.model) {
        AC_TRY(ac_clip_files_open(&files, config->clip.model, config->clip.model_config));
        self->recipe = files.recipe;
        ac_clip_files_close(&files);
    }
    st = ac_ingest_shard_items(config, images, &self->recipe, &self->shard_items);
out:
    return st;
}

static ac_status
ingest_all(ac_run *run, const ac_image_source *images, const ac_preprocess_recipe *recipe,
           double started)
{
    const bool last = !ac_run_is_part(run), first_rank = run->comm->rank == 0;
    ac_ingest_work work = { .images = images, .recipe = *recipe };
    ac_status st = AC_OK;

    AC_TRY(ac_image_probe_all(run, images));
    AC_TRY(ac_stage_run_all(run, &ac_stage_ingest, &work));
    if (last)
        AC_TRY(ac_agree_all(run->comm, first_rank ? merge(run) : AC_OK));
    AC_TRY(ac_check_bad_items(run));
    if (last)
        AC_TRY(ac_agree_all(
            run->comm,
            first_rank ? write_summary(run, images, ac_progress_clock() - started) : AC_OK));
    st = ac_run_finish_all(run);
    if (st == AC_OK && last && first_rank)
        ac_tar_input_remove_plain(run->folder);
out:
    return st;
}

static ac_status
run_ingest_all(const ac_comm *comm, const ac_config *config, const char *folder,
               ac_locks *locks)
{
    ac_image_source images = { 0 };
    plan made = { 0 };
    ac_buffer pixels = { 0 };
    ac_run run = { 0 };
    ac_run_identity id = { .job = ac_job_ingest.name,
                           .stages = ac_job_ingest.stages,
                           .clip = "",
                           .cache = "",
                           .bart = "",
                           .kernels = "",
                           .content = "images" };
    const double started = ac_progress_clock();
    ac_status st = AC_OK;

    (void) locks;
    AC_TRY(ac_agree_all(comm, ac_fields_check(config)));
    AC_TRY(ac_agree_all(comm, comm->rank == 0 ? check_folder(config, folder) : AC_OK));
    AC_TRY(open_images_all(&images, comm, config, folder));
    AC_TRY(ac_agree_all(comm, comm->rank == 0 ? make_plan(&made, config, &images) : AC_OK));
    ac_broadcast_bytes_all(comm, &made, sizeof made, 0);
    if (config->ingest.store == AC_STORE_PIXELS) {
        ac_preprocess_print(&made.recipe, config->input.apply_exif, &pixels);
        AC_TRY(ac_agree_all(comm, pixels.status));
        id.pixels = pixels.data;
        id.pixel_size = made.recipe.size;
    }
    id.shard_items = made.shard_items;
    id.items = images.count;
    id.key_prefix = ac_tar_input_key_prefix(&images);
    id.input = images.fingerprint;
    AC_TRY(ac_run_open_all(&run, comm, config, folder, &id));
    if (!run.finished_before)
        AC_TRY(ingest_all(&run, &images, &made.recipe, started));
    else if (comm->rank == 0)
        ac_log(AC_LOG_INFO, "this run is finished; nothing to do");
    show_result(&run);
out:
    ac_run_free(&run);
    ac_image_source_free(&images);
    ac_buffer_free(&pixels);
    return st;
}

const ac_job ac_job_ingest = {
    .name = "ingest",
    .summary = "images and what came with them -> an image dataset in HDF5",
    .parts = true,
    .no_products = true,
    .report = AC_REPORT_NONE,
    .stages = (const ac_stage_type *const[]){ &ac_stage_ingest, NULL },
    .run = run_ingest_all,
    .no_update =
        "an image dataset is made once, of one source, and its shards are read in the order of "
        "keys; ingest the source as it is into a new folder and give that the old one's name: "
        "caption, tag and embed-images with --update then compute what is new or changed (by "
        "the images' hashes)",
    .word = "input.path",
    .usage = "SOURCE --out DATASET",
    .short_forms =
        (const ac_short_form[]){
            { "out", "DATASET", NULL, "the image dataset: the same as --run" }, { 0 } },
};
