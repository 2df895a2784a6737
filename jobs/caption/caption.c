/* The jobs embed-images, tag and caption: one, two or three stages of the same pipeline. */
#include "jobs/caption/caption.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "io/file/checksum.h"
#include "io/file/json_file.h"
#include "io/file/json_write.h"
#include "io/file/publish.h"
#include "io/source/selected_images.h"
#include "jobs/cache/open.h"
#include "jobs/caption/crash_probe.h"
#include "jobs/caption/equal_rows.h"
#include "jobs/caption/fields.h"
#include "jobs/caption/stages.h"
#include "jobs/report/run_report.h"
#include "jobs/runtime/images.h"
#include "jobs/runtime/models.h"
#include "jobs/runtime/summary.h"
#include "jobs/runtime/tar_input.h"
#include "jobs/runtime/update.h"

/* What such a job holds while it runs. */
typedef struct pipeline {
    const ac_comm *comm;
    const ac_config *config;
    ac_run run;
    ac_image_source images;
    ac_image_source whole; /* --sample: of which `images` are some */
    int64_t *sample;       /* their numbers there */
    ac_equal_items equal;
    ac_clip_model clip;
    ac_bart_model bart;
    ac_cache_set caches;
    ac_denied denied;
    int64_t left_out[2];  /* entries: denied; in an earlier cache already */
    double cache_seconds; /* spent on caches from text files; 0: all were given */
} pipeline;

static ac_status
open_images_all(pipeline *p, const char *folder, bool preview)
{
    const ac_tar_input tars = { .path = p->config->input.path,
                                .what = "input.path",
                                .folder = folder };
    bool is_tars;
    ac_status st = AC_OK;

    AC_TRY(ac_tar_input_open_all(&p->images, p->comm, p->config, &tars, &is_tars));
    if (!is_tars)
        st = ac_images_open_input_all(&p->images, p->comm, p->config, preview ? NULL : folder,
                                      p->config->input.path_annotations &&
                                          ac_fields_wanted(p->config));
out:
    return st;
}

/* --sample: images spread evenly over the input take its place. Local. */
static ac_status
sample_images(pipeline *p)
{
    const int64_t n = p->config->sample, all = p->images.count;
    char what[64];
    ac_status st = AC_OK;

    if (!n || n >= all)
        return AC_OK;
    p->whole = p->images;
    p->images = (ac_image_source){ 0 };
    AC_TRY(ac_alloc(&p->sample, n, sizeof *p->sample));
    for (int64_t i = 0; i < n; i++)
        p->sample[i] = i * all / n;
    AC_TRY(ac_selected_images_open(&p->images, &p->whole, p->sample, n));
    snprintf(what, sizeof what, "%s %lld", p->whole.fingerprint, (long long) n);
    ac_checksum_bytes(what, strlen(what), p->images.fingerprint);
out:
    return st;
}

static ac_status
open_models_all(pipeline *p, int stages)
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

static ac_status
write_summary(const pipeline *p, double seconds)
{
    const ac_run *run = &p->run;
    const int64_t ok = run->rows;
    ac_summary_stage cache = { .seconds = p->cache_seconds, .items = p->caches.entries };
    ac_buffer b = { 0 };
    int64_t equal;
    ac_status st = AC_OK;

    if (p->cache_seconds > 0) /* a text was made a cache by this start, or found made */
        cache.name = "cache";
    ac_summary_begin(&b, run, ok, run->bad);
    ac_summary_compute(&b, run);
    if (p->sample)
        ac_buffer_printf(&b, "  \"sample_of\": %lld,\n", (long long) p->whole.count);
    if (ac_passed_over_any(&p->images.passed_over)) {
        ac_buffer_push_text(&b, "  \"passed_over\": ");
        ac_passed_over_push_json(&p->images.passed_over, &b);
        ac_buffer_push_text(&b, ",\n");
    }
    AC_TRY(ac_tar_input_push_json(&p->images, &b));
    if (p->denied.given)
        ac_buffer_printf(&b, "  \"denied\": %lld,\n", (long long) p->left_out[0]);
    if (p->caches.count > 1)
        ac_buffer_printf(&b, "  \"repeated\": %lld,\n", (long long) p->left_out[1]);
    AC_TRY(ac_equal_items_count(&p->equal, run, ac_run_images(run, &p->images), &equal));
    if (equal)
        ac_buffer_printf(&b, "  \"equal\": %lld,\n", (long long) equal);
    ac_buffer_printf(&b, "  \"wall_seconds\": %.3f,\n  \"pictures_per_second\": %.4g,\n",
                     seconds, seconds > 0 ? (double) ok / seconds : 0);
    st = ac_summary_publish(&b, run, cache);
out:
    ac_buffer_free(&b);
    return st;
}

static void
show_result(const pipeline *p, int stages)
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
    ac_log(AC_LOG_INFO, "%lld items: %lld done, %lld rejected%s",
           (long long) run->manifest.items, (long long) run->rows, (long long) run->bad,
           run->bad ? " (bad_items.jsonl)" : "");
    ac_log(AC_LOG_INFO, "report: %s/report.html", run->folder);
    ac_log(AC_LOG_INFO, "results: %s/%s", run->folder,
           stages > 2   ? "captions.jsonl"
           : stages > 1 ? "tags.jsonl"
                        : "embeddings");
}

static void
log_taken_all(const pipeline *p, const char *what, int64_t taken)
{
    ac_sum_int64_all(p->comm, &taken, 1);
    if (p->comm->rank == 0 && taken)
        ac_log(AC_LOG_INFO, "equal images: %lld %s were taken from earlier shards",
               (long long) taken, what);
}

static ac_status
embed_all(pipeline *p)
{
    const ac_image_source *images = ac_run_images(&p->run, &p->images);
    ac_embed_work work = { .clip = &p->clip, .images = images, .equal = &p->equal };
    ac_status st = AC_OK;

    AC_TRY(ac_image_probe_all(&p->run, images));
    AC_TRY(ac_equal_items_open_all(&p->equal, &p->run, images));
    if (p->equal.count)
        AC_TRY(ac_agree_all(p->comm, p->comm->rank == 0
                                         ? ac_equal_rows_remove_undone(&p->run, AC_STAGE_EMBED)
                                         : AC_OK));
    AC_TRY(ac_stage_run_all(&p->run, &ac_stage_embed, &work));
    log_taken_all(p, "embeddings", work.taken);
    if (!ac_run_is_part(&p->run))
        AC_TRY(ac_merge_bad_items_all(&p->run));
    st = ac_check_bad_items(&p->run);
out:
    return st;
}

static ac_status
retrieve_all(pipeline *p)
{
    ac_retrieve_work work = {
        .admission = ac_admission_of(&p->caches, &p->denied, p->config),
        .equal = &p->equal,
        .images = ac_run_images(&p->run, &p->images),
        .probability_scale = p->config->retrieval.templates ? p->clip.net.logit_scale : 0,
    };
    ac_status st = AC_OK;

    AC_TRY(ac_stage_run_all(&p->run, &ac_stage_retrieve, &work));
    log_taken_all(p, "tables", work.taken);
    if (!work.counted)
        AC_TRY(ac_admission_count_all(&work.admission, p->comm));
    memcpy(p->left_out, work.admission.left_out, sizeof p->left_out);
out:
    return st;
}

static ac_status
generate_all(pipeline *p)
{
    ac_generate_work work = { .clip = &p->clip,
                              .bart = &p->bart,
                              .images = ac_run_images(&p->run, &p->images) };
    int64_t truncated[2];
    ac_status st = AC_OK;

    AC_TRY(ac_stage_run_all(&p->run, &ac_stage_generate, &work));
    truncated[0] = work.truncated_prompts;
    truncated[1] = work.truncated_texts;
    ac_sum_int64_all(p->comm, truncated, 2);
    if (p->comm->rank == 0 && (truncated[0] || truncated[1]))
        ac_log(AC_LOG_WARNING, "truncated to the models' limits: %lld prompts, %lld candidates",
               (long long) truncated[0], (long long) truncated[1]);
out:
    return st;
}

static ac_status
run_stages_all(pipeline *p, int stages)
{
    ac_status st = AC_OK;

    AC_TRY(embed_all(p));
    if (stages > 1)
        AC_TRY(retrieve_all(p));
    if (stages > 2)
        AC_TRY(generate_all(p));
    if (ac_run_is_part(&p->run)) /* the last run merges */
        goto out;
    AC_TRY(ac_merge_all(&p->run, &p->images, stages));
    if (stages > 2)
        AC_TRY(ac_merge_h5_all(&p->run));
    if (stages > 1 && p->config->output.knn)
        AC_TRY(ac_knn_write_all(&p->run));
out:
    return st;
}

/* Rank 0: summary.json and the report. */
static ac_status
write_results(const pipeline *p, const ac_job *job, double seconds)
{
    const ac_job *const jobs[] = { job, NULL };
    ac_status st = write_summary(p, seconds);

    return st == AC_OK ? ac_run_report_write(p->run.folder, jobs, NULL, AC_REPORT_IMAGES) : st;
}

/* Rank 0: run->rows and run->bad of a finished run. */
static ac_status
read_counts(ac_run *run)
{
    char *path = NULL;
    json_t *summary = NULL;
    ac_status st;

    run->rows = ac_run_rows(run, AC_STAGE_EMBED);
    run->bad = ac_run_bad(run, AC_STAGE_EMBED);
    if (!run->numbers)
        return AC_OK;
    st = ac_run_path(run, &path, "summary.json");
    if (st == AC_OK)
        st = ac_json_file_find(&summary, path);
    if (summary) {
        run->rows = json_integer_value(json_object_get(summary, "ok"));
        run->bad = json_integer_value(json_object_get(summary, "bad"));
        json_decref(summary);
    }
    free(path);
    return st;
}

/* An update of a finished run that found every image as it was: captions beside the images may
 * have changed. */
static ac_status
refresh_all(pipeline *p, int stages)
{
    ac_status st = AC_OK;

    ac_broadcast_bytes_all(p->comm, &p->run.rows, sizeof p->run.rows, 0);
    AC_TRY(ac_agree_all(p->comm, p->comm->rank == 0 ? ac_run_reopen(&p->run) : AC_OK));
    if (stages > 2)
        AC_TRY(ac_merge_references_all(&p->run, &p->images));
    AC_TRY(ac_agree_all(p->comm, p->comm->rank == 0 ? ac_update_record(&p->run, true) : AC_OK));
    st = ac_run_finish_all(&p->run);
out:
    return st;
}

static ac_status
run_job_all(const ac_comm *comm, const ac_config *config, const char *folder, const ac_job *job)
{
    const ac_compute compute = ac_config_compute(config);
    pipeline p = { .comm = comm, .config = config };
    ac_run_identity id = { .job = job->name, .stages = job->stages };
    const double started = ac_progress_clock();
    int stages = 0;
    ac_status st = AC_OK;

    while (job->stages[stages])
        stages++;
    id.kernels = ac_compute_kernels(&compute);
    AC_TRY(ac_agree_all(comm, ac_fields_check(config)));
    AC_TRY(open_images_all(&p, folder, false));
    AC_TRY(ac_agree_all(comm, sample_images(&p)));
    if (stages > 1 && config->output.knn)
        AC_TRY(ac_agree_all(comm, comm->rank == 0 ? ac_knn_check(&p.images) : AC_OK));
    AC_TRY(open_models_all(&p, stages));
    AC_TRY(
        ac_agree_all(comm, ac_check_pixels(&p.images, config, &p.clip, "input.path", false)));
    if (stages > 1) {
        AC_TRY(ac_agree_all(comm, ac_denied_open(&p.denied, config)));
        AC_TRY(ac_caches_open_or_build_all(&p.caches, comm, config, &p.clip, folder,
                                           &p.cache_seconds));
    }
    id.items = p.images.count;
    id.input = p.images.fingerprint;
    id.images = &p.images;
    id.key_prefix = ac_tar_input_key_prefix(&p.images);
    id.clip = p.clip.fingerprint;
    id.cache = p.caches.fingerprint;
    id.caches = &p.caches;
    id.deny = p.denied.fingerprint;
    id.bart = p.bart.fingerprint;
    AC_TRY(ac_run_open_all(&p.run, comm, config, folder, &id));
    if (!p.run.finished_before) {
        ac_run_warn_of_idle_ranks(&p.run);
        AC_TRY(run_stages_all(&p, stages));
        if (!ac_run_is_part(&p.run))
            AC_TRY(ac_agree_all(
                comm, comm->rank == 0 ? write_results(&p, job, ac_progress_clock() - started)
                                      : AC_OK));
        AC_TRY(ac_agree_all(comm, comm->rank == 0 && !ac_run_is_part(&p.run)
                                      ? ac_update_record(&p.run, false)
                                      : AC_OK));
        AC_TRY(ac_run_finish_all(&p.run));
    } else {
        AC_TRY(ac_agree_all(comm, comm->rank == 0 ? read_counts(&p.run) : AC_OK));
        if (config->update)
            AC_TRY(refresh_all(&p, stages));
        else if (comm->rank == 0)
            ac_log(AC_LOG_INFO, "this run is finished; nothing to do");
    }
    show_result(&p, stages);
out:
    ac_run_free(&p.run);
    ac_equal_items_close(&p.equal);
    ac_image_source_free(&p.images);
    ac_image_source_free(&p.whole);
    free(p.sample);
    ac_clip_model_free(&p.clip);
    ac_bart_model_free(&p.bart);
    ac_cache_set_close(&p.caches);
    ac_denied_free(&p.denied);
    return st;
}

static ac_status
run_embed_images_all(const ac_comm *comm, const ac_config *config, const char *folder,
                     ac_locks *locks)
{
    (void) locks;
    return run_job_all(comm, config, folder, &ac_job_embed_images);
}

static ac_status
run_tag_all(const ac_comm *comm, const ac_config *config, const char *folder, ac_locks *locks)
{
    (void) locks;
    return run_job_all(comm, config, folder, &ac_job_tag);
}

static ac_status
run_caption_all(const ac_comm *comm, const ac_config *config, const char *folder,
                ac_locks *locks)
{
    (void) locks;
    return run_job_all(comm, config, folder, &ac_job_caption);
}

/* ---- what an update would do ---- */

static ac_status
preview_all(const ac_comm *comm, const ac_config *config, const char *folder, const ac_job *job,
            FILE *out)
{
    pipeline p = { .comm = comm, .config = config };
    ac_status st = AC_OK;

    AC_TRY(open_images_all(&p, folder, true));
    st = ac_agree_all(comm, comm->rank == 0
                                ? ac_update_show(folder, config, job->name, &p.images, out)
                                : AC_OK);
out:
    ac_image_source_free(&p.images);
    return st;
}

static ac_status
preview_embed_images_all(const ac_comm *comm, const ac_config *config, const char *folder,
                         FILE *out)
{
    return preview_all(comm, config, folder, &ac_job_embed_images, out);
}

static ac_status
preview_tag_all(const ac_comm *comm, const ac_config *config, const char *folder, FILE *out)
{
    return preview_all(comm, config, folder, &ac_job_tag, out);
}

static ac_status
preview_caption_all(const ac_comm *comm, const ac_config *config, const char *folder, FILE *out)
{
    return preview_all(comm, config, folder, &ac_job_caption, out);
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
    .report = AC_REPORT_GALLERY,
    .stages = (const ac_stage_type *const[]){ &ac_stage_embed, NULL },
    .run = run_embed_images_all,
    .preview = preview_embed_images_all,
    .size = size_embed_images,
};

const ac_job ac_job_tag = {
    .name = "tag",
    .summary = "images + cache -> the best entries for each image",
    .parts = true,
    .report = AC_REPORT_GALLERY,
    .stages = (const ac_stage_type *const[]){ &ac_stage_embed, &ac_stage_retrieve, NULL },
    .run = run_tag_all,
    .preview = preview_tag_all,
    .size = size_tag,
};

const ac_job ac_job_caption = {
    .name = "caption",
    .summary = "images + cache + models -> captions, candidates, scores, retrieved entries",
    .parts = true,
    .report = AC_REPORT_GALLERY,
    .stages = (const ac_stage_type *const[]){ &ac_stage_embed, &ac_stage_retrieve,
                                              &ac_stage_generate, NULL },
    .run = run_caption_all,
    .preview = preview_caption_all,
    .size = size_caption,
};
