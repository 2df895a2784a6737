/* The jobs embed-images, tag and caption: one, two or three stages of the same pipeline. */
#include "jobs/caption/caption.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "io/file/json_write.h"
#include "io/file/publish.h"
#include "jobs/cache/build.h"
#include "jobs/report/run_report.h"
#include "jobs/caption/stages.h"
#include "jobs/runtime/models.h"
#include "jobs/version.h"

static ac_status
read_images_all(ac_pipeline *p)
{
    ac_status st = AC_OK;

    if (p->comm->rank == 0)
        st = ac_image_list_read(&p->images, p->config->input.path);
    st = ac_agree_all(p->comm, st);
    if (st != AC_OK)
        return st;
    AC_TRY(ac_broadcast_texts_all(p->comm, &p->images.keys, 0));
    AC_TRY(ac_broadcast_texts_all(p->comm, &p->images.paths, 0));
    ac_broadcast_bytes_all(p->comm, p->images.fingerprint, sizeof p->images.fingerprint, 0);
    p->images.count = p->images.keys.count;
out:
    return st;
}

static ac_status
open_models_all(ac_pipeline *p, int stages)
{
    const unsigned towers = AC_CLIP_VISION | (stages > 1 ? AC_CLIP_TEXT : 0);
    ac_status st = AC_OK;

    AC_TRY(
        ac_models_open_all(p->comm, p->config, towers, &p->clip, stages > 2 ? &p->bart : NULL));
    if (stages > 2)
        st = ac_agree_all(p->comm, ac_models_set_generation(&p->bart, p->config));
out:
    return st;
}

/* From the lines of cache.path, in a run of its own. */
static ac_status
build_cache_all(ac_pipeline *p, const char *folder)
{
    ac_config config = *p->config; /* borrows its texts */

    config.input.path = p->config->cache.path;
    config.output.shard_items = AC_CACHE_SHARD_ITEMS;
    return ac_build_cache_all(p->comm, &config, &p->clip, folder);
}

/* A cache folder is opened; a text file is built into RUN/cache first. */
ac_status
ac_pipeline_open_cache_all(ac_pipeline *p, const char *folder)
{
    const char *path = p->config->cache.path;
    struct stat info;
    char *built = NULL, is_text;
    ac_status st =
        stat(path, &info) == 0
            ? AC_OK
            : ac_error_set(AC_E_IO, "cache.path: %s: there is no such cache or text file",
                           path);

    if (st == AC_OK && !S_ISDIR(info.st_mode) && p->config->compute.parts > 1)
        st = ac_error_set(AC_E_ARG,
                          "cache.path: %s: parts of a run need a cache folder, which they "
                          "share: build it first (antarctic build-cache)",
                          path);
    AC_TRY(ac_agree_all(p->comm, st));
    is_text = !S_ISDIR(info.st_mode);
    ac_broadcast_bytes_all(p->comm, &is_text, sizeof is_text,
                           0); /* what rank 0 sees decides for all */
    if (is_text) {
        const double started = ac_progress_clock();
        if (asprintf(&built, "%s/cache", folder) < 0) {
            built = NULL;
            st = ac_error_set(AC_E_NOMEM, "out of memory for a path");
        }
        AC_TRY(ac_agree_all(p->comm, st));
        AC_TRY(build_cache_all(p, built));
        p->cache_seconds = ac_progress_clock() - started;
        path = built;
    }
    st = ac_cache_open(&p->cache, path);
    if (st == AC_OK)
        st = ac_cache_check_model(&p->cache, p->clip.text_fingerprint, p->clip.path,
                                  p->clip.net.config.projection_dim);
    st = ac_agree_all(p->comm, st);
out:
    free(built);
    return st;
}

static ac_status
write_summary(const ac_pipeline *p, double seconds, const char *kernels)
{
    const ac_run *run = &p->run;
    const int64_t bad = ac_run_bad(run, AC_STAGE_EMBED), ok = ac_run_rows(run, AC_STAGE_EMBED);
    ac_buffer b = { 0 };
    char *path = NULL;
    ac_status st = ac_run_path(run, &path, "summary.json");

    ac_buffer_printf(&b,
                     "{\n  \"job\": \"%s\",\n  \"version\": \"%s\",\n  \"state\": \"done\",\n  "
                     "\"items\": %lld,\n  \"ok\": %lld,\n  \"bad\": %lld,\n",
                     run->manifest.job, AC_VERSION, (long long) run->manifest.items,
                     (long long) ok, (long long) bad);
    ac_buffer_printf(&b, "  \"ranks\": %d,\n  \"precision\": \"%s\",\n  \"kernels\": ",
                     p->comm->size, ac_precision_names[p->config->compute.precision]);
    ac_json_text(&b, kernels);
    ac_buffer_printf(
        &b, ",\n  \"wall_seconds\": %.3f,\n  \"pictures_per_second\": %.4g,\n  \"stages\": [",
        seconds, seconds > 0 ? (double) ok / seconds : 0);
    if (p->cache_seconds > 0) /* a text was made a cache by this start, or found made */
        ac_buffer_printf(&b,
                         "\n    {\"name\": \"cache\", \"seconds\": %.3f, \"items\": %lld}%s",
                         p->cache_seconds, (long long) p->cache.entries,
                         run->manifest.stage_count ? "," : "");
    for (int s = 0; s < run->manifest.stage_count; s++)
        ac_buffer_printf(&b, "%s\n    {\"name\": \"%s\", \"seconds\": %.3f, \"items\": %lld}",
                         s ? "," : "", run->manifest.stages[s].name,
                         run->manifest.stages[s].seconds, (long long) ac_run_rows(run, s));
    ac_buffer_push_text(&b, "\n  ]\n}\n");
    if (st == AC_OK)
        st = b.status == AC_OK ? ac_publish_file(path, b.data, b.size) : b.status;
    ac_buffer_free(&b);
    free(path);
    return st;
}

static void
show_result(const ac_pipeline *p, int stages)
{
    const ac_run *run = &p->run;

    if (p->comm->rank != 0)
        return;
    if (ac_run_is_part(run)) {
        ac_log(AC_LOG_INFO,
               "part %lld of %lld is done; the same command without compute.parts completes "
               "the run",
               (long long) p->config->compute.part, (long long) p->config->compute.parts);
        return;
    }
    ac_log(AC_LOG_INFO, "%lld items: %lld done, %lld bad%s", (long long) run->manifest.items,
           (long long) ac_run_rows(run, AC_STAGE_EMBED),
           (long long) ac_run_bad(run, AC_STAGE_EMBED),
           ac_run_bad(run, AC_STAGE_EMBED) ? " (bad_items.jsonl)" : "");
    ac_log(AC_LOG_INFO, "report: %s/report.html", run->folder);
    ac_log(AC_LOG_INFO, "results: %s/%s", run->folder,
           stages > 2   ? "captions.jsonl"
           : stages > 1 ? "tags.jsonl"
                        : "embeddings");
}

static ac_status
run_stages_all(ac_pipeline *p, int stages)
{
    ac_status st = AC_OK;
    int64_t cut[2];

    AC_TRY(ac_stage_embed_all(p));
    if (!ac_run_is_part(&p->run))
        AC_TRY(ac_merge_bad_items_all(p));
    AC_TRY(ac_check_bad_items(p));
    if (stages > 1)
        AC_TRY(ac_stage_retrieve_all(p));
    if (stages > 2)
        AC_TRY(ac_stage_generate_all(p));
    cut[0] = p->cut_tables;
    cut[1] = p->cut_texts;
    ac_sum_int64_all(p->comm, cut, 2);
    if (p->comm->rank == 0 && (cut[0] || cut[1]))
        ac_log(AC_LOG_WARNING, "cut to the models' limits: %lld tables, %lld candidates",
               (long long) cut[0], (long long) cut[1]);
    if (ac_run_is_part(&p->run)) /* the last run merges */
        goto out;
    AC_TRY(ac_merge_all(p, stages));
    if (stages > 2)
        AC_TRY(ac_merge_h5_all(p));
    if (stages > 1 && p->config->output.knn)
        AC_TRY(ac_knn_write_all(p));
out:
    return st;
}

static ac_status
run_pipeline_all(const ac_comm *comm, const ac_config *config, const char *folder,
                 const char *job, int stages)
{
    static const char *const names[] = { "embed", "retrieve", "generate" };
    const ac_compute compute = ac_config_compute(config);
    ac_pipeline p = { .comm = comm, .config = config };
    ac_run_identity id = { .job = job, .stages = names, .stage_count = stages };
    const double started = ac_progress_clock();
    ac_status st = AC_OK;

    p.run.journal = p.run.hand.file = -1;
    id.kernels = ac_compute_kernels(&compute);
    AC_TRY(read_images_all(&p));
    if (stages > 1 && config->output.knn)
        AC_TRY(ac_agree_all(comm, comm->rank == 0 ? ac_knn_check(&p) : AC_OK));
    AC_TRY(open_models_all(&p, stages));
    if (stages > 1)
        AC_TRY(ac_pipeline_open_cache_all(&p, folder));
    id.items = p.images.count;
    id.input = p.images.fingerprint;
    id.clip = p.clip.fingerprint;
    id.cache = p.cache.fingerprint;
    id.bart = p.bart.fingerprint;
    AC_TRY(ac_run_open_all(&p.run, comm, config, folder, &id));
    if (!p.run.finished_before) {
        AC_TRY(run_stages_all(&p, stages));
        if (!ac_run_is_part(&p.run)) {
            AC_TRY(ac_agree_all(
                comm, comm->rank == 0
                          ? write_summary(&p, ac_progress_clock() - started, id.kernels)
                          : AC_OK));
            AC_TRY(ac_agree_all(comm, comm->rank == 0
                                          ? ac_run_report_write(folder, NULL, AC_REPORT_IMAGES)
                                          : AC_OK));
        }
        AC_TRY(ac_run_finish_all(&p.run));
    } else if (comm->rank == 0) {
        ac_log(AC_LOG_INFO, "this run is finished; nothing to do");
    }
    show_result(&p, stages);
out:
    ac_run_free(&p.run);
    ac_image_list_free(&p.images);
    ac_clip_model_free(&p.clip);
    ac_bart_model_free(&p.bart);
    ac_cache_close(&p.cache);
    return st;
}

static ac_status
run_embed_images_all(const ac_comm *comm, const ac_config *config, const char *folder,
                     ac_locks *locks)
{
    (void) locks;
    return run_pipeline_all(comm, config, folder, "embed-images", 1);
}

static ac_status
run_tag_all(const ac_comm *comm, const ac_config *config, const char *folder, ac_locks *locks)
{
    (void) locks;
    return run_pipeline_all(comm, config, folder, "tag", 2);
}

static ac_status
run_caption_all(const ac_comm *comm, const ac_config *config, const char *folder,
                ac_locks *locks)
{
    (void) locks;
    return run_pipeline_all(comm, config, folder, "caption", 3);
}

/* ---- the rows ---- */

static ac_status
size_embed_images(ac_sizing *sizing, const ac_config *config)
{
    return ac_sizing_add_clip(sizing, config, AC_CLIP_VISION);
}

static ac_status
size_tag(ac_sizing *sizing, const ac_config *config)
{
    const ac_status st = ac_sizing_add_clip(sizing, config, AC_CLIP_VISION | AC_CLIP_TEXT);

    if (st == AC_OK)
        ac_sizing_add_cache(sizing, config);
    return st;
}

static ac_status
size_caption(ac_sizing *sizing, const ac_config *config)
{
    const ac_status st = size_tag(sizing, config);

    return st == AC_OK ? ac_sizing_add_bart(sizing, config) : st;
}

const ac_job ac_job_embed_images = {
    .name = "embed-images",
    .summary = "images -> CLIP embeddings in HDF5",
    .parts = true,
    .run = run_embed_images_all,
    .size = size_embed_images,
};

const ac_job ac_job_tag = {
    .name = "tag",
    .summary = "images + cache -> the best entries for each image",
    .parts = true,
    .run = run_tag_all,
    .size = size_tag,
};

const ac_job ac_job_caption = {
    .name = "caption",
    .summary = "images + cache + models -> captions, candidates, scores, retrieved entries",
    .parts = true,
    .run = run_caption_all,
    .size = size_caption,
};
