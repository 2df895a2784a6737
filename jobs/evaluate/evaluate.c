/* The job evaluate: are the captions good, and where do their words come from? Captions and
 * references are rank 0's; with images and a CLIP, all ranks share the images. */
#include <stdlib.h>

#include "engine/base/log.h"
#include "io/file/json_write.h"
#include "io/source/open_images.h"
#include "jobs/caption/caption.h"
#include "jobs/caption/crash_probe.h"
#include "jobs/caption/stages.h"
#include "jobs/evaluate/clip_stage.h"
#include "jobs/evaluate/evaluate_job.h"
#include "jobs/evaluate/results.h"
#include "jobs/report/run_report.h"
#include "jobs/runtime/images.h"
#include "jobs/runtime/models.h"
#include "jobs/runtime/summary.h"
#include "jobs/runtime/tar_input.h"

typedef struct evaluation {
    const ac_comm *comm;
    const ac_config *config;
    bool with_images; /* the same on all ranks */
    unsigned wanted;
    ac_run run;
    ac_image_source images;
    ac_clip_model clip;
    ac_clip_texts texts;
    ac_clip_score_work clip_work;
    /* rank 0's */
    ac_evaluated evaluated;
    ac_scores scores;
    ac_traces traces;
    double started;
} evaluation;

static void
evaluation_free(evaluation *self)
{
    ac_run_free(&self->run);
    ac_image_source_free(&self->images);
    ac_clip_model_free(&self->clip);
    ac_clip_texts_free(&self->texts);
    ac_evaluated_free(&self->evaluated);
    ac_scores_free(&self->scores);
    ac_traces_free(&self->traces);
}

static const ac_stage_type *const no_stages[] = { NULL };

/* ---- what is given ---- */

/* What fits together, and what can be computed at all. Local, the same on all ranks. */
static ac_status
check_config(evaluation *self)
{
    const ac_config *c = self->config;
    ac_status st = ac_scores_wanted(c->evaluate.metrics, &self->wanted);

    if (st != AC_OK)
        return st;
    if (c->evaluate.images && !c->clip.model)
        return ac_error_set(AC_E_ARG, "evaluate.images needs clip.model, and gives CLIPScore "
                                      "with it: --model CLIP");
    if (c->clip.model && !c->evaluate.images)
        return ac_error_set(AC_E_ARG, "clip.model needs evaluate.images: --images FOLDER");
    if (!c->evaluate.references &&
        (c->evaluate.idf || c->evaluate.write_idf ||
         (c->evaluate.against && !c->evaluate.images) || c->evaluate.export_spice))
        return ac_error_set(AC_E_ARG, "%s needs evaluate.references",
                            c->evaluate.idf         ? "evaluate.idf"
                            : c->evaluate.write_idf ? "evaluate.write_idf"
                            : c->evaluate.export_spice
                                ? "evaluate.export_spice"
                                : "evaluate.against without evaluate.images");
    self->with_images = c->evaluate.images && (self->wanted & AC_SCORE_CLIP);
    return AC_OK;
}

static ac_status
open_images_all(evaluation *self)
{
    const ac_image_options options = ac_images_options(self->config);
    const char *path = self->config->evaluate.images, *what = "evaluate.images";
    bool is_tars = false;
    ac_status st = AC_OK;

    if (self->comm->rank == 0)
        st = ac_images_open(&self->images, path, what, &options);
    if (self->comm->rank == 0 && st == AC_OK) {
        ac_images_log_passed_over(&self->images, what);
        is_tars = ac_tar_input_key_prefix(&self->images) != NULL;
    }
    ac_broadcast_bytes_all(self->comm, &is_tars, sizeof is_tars, 0);
    if (!is_tars)
        return ac_images_share_all(&self->images, self->comm, self->config, st);
    /* no run folder keeps an index of the tars for all: each rank makes its own */
    if (self->comm->rank != 0)
        st = ac_images_open(&self->images, path, what, &options);
    return ac_agree_all(self->comm, st);
}

/* Are the files usable that are needed at the end? Rank 0. */
static ac_status
check_files(const evaluation *self)
{
    ac_scores scores = { .items = self->evaluated.count };
    ac_status st = AC_OK;

    if (self->config->evaluate.idf)
        AC_TRY(ac_frequencies_load(&scores, self->config->evaluate.idf));
    if (self->config->evaluate.merge_scores)
        st = ac_results_merge_scores(&scores, &self->evaluated,
                                     self->config->evaluate.merge_scores, true);
out:
    ac_scores_free(&scores);
    return st;
}

static ac_status
read_all(evaluation *self)
{
    ac_status st = AC_OK;

    if (self->with_images)
        AC_TRY(open_images_all(self));
    if (self->comm->rank == 0)
        st = ac_evaluated_read(&self->evaluated, self->config,
                               self->with_images ? &self->images : NULL);
    if (st == AC_OK && self->comm->rank == 0)
        st = check_files(self);
    if (st == AC_OK && self->comm->rank == 0 && !self->evaluated.has_references)
        ac_log(AC_LOG_INFO, "no references: only what needs none is computed (%s)",
               self->with_images ? "CLIPScore, diversity, evidence"
                                 : "diversity, evidence; CLIPScore with --images and --model");
    AC_TRY(ac_agree_all(self->comm, st));
    ac_broadcast_bytes_all(self->comm, self->evaluated.fingerprint,
                           sizeof self->evaluated.fingerprint, 0);
out:
    return st;
}

static ac_status
open_run_all(evaluation *self, const char *folder)
{
    const ac_compute compute = ac_config_compute(self->config);
    const ac_run_identity id = {
        .job = ac_job_evaluate.name,
        .stages = self->with_images ? ac_job_evaluate.stages : no_stages,
        .items = self->with_images ? self->images.count : 0,
        .input = self->evaluated.fingerprint,
        .clip = self->clip.fingerprint,
        .cache = "",
        .bart = "",
        .kernels = ac_compute_kernels(&compute),
    };

    return ac_run_open_all(&self->run, self->comm, self->config, folder, &id);
}

/* ---- the work ---- */

static ac_status
embed_all(evaluation *self)
{
    ac_embed_work embed = { .clip = &self->clip, .images = &self->images };
    ac_clip_score_work *work = &self->clip_work;
    ac_status st = AC_OK;

    AC_TRY(ac_image_probe_all(&self->run, &self->images));
    AC_TRY(ac_stage_run_all(&self->run, &ac_stage_embed, &embed));
    AC_TRY(ac_merge_bad_items_all(&self->run));
    AC_TRY(ac_check_bad_items(&self->run));
    AC_TRY(ac_clip_texts_share_all(&self->texts, self->comm, &self->evaluated,
                                   self->images.count));
    *work = (ac_clip_score_work){ .clip = &self->clip,
                                  .images = &self->images,
                                  .texts = &self->texts };
    AC_TRY(ac_stage_run_all(&self->run, &ac_stage_clip_scores, work));
    ac_sum_int64_all(self->comm, &work->truncated, 1);
    if (self->comm->rank == 0 && work->truncated)
        ac_log(AC_LOG_WARNING, "%lld captions and references truncated to what CLIP takes",
               (long long) work->truncated);
out:
    return st;
}

static ac_status
add_clip_columns(evaluation *self)
{
    const char *why =
        !(self->wanted & AC_SCORE_CLIP) ? "not asked for" : "no images and CLIP were given";
    ac_status st = AC_OK;

    if (self->with_images)
        return ac_clip_scores_collect(&self->scores, &self->run, &self->evaluated,
                                      &self->clip_work);
    AC_TRY(ac_scores_add(&self->scores, "CLIPScore", why, NULL));
    st = ac_scores_add(&self->scores, "RefCLIPScore", why, NULL);
out:
    return st;
}

/* Rank 0. */
static ac_status
compute(evaluation *self)
{
    const ac_config *c = self->config;
    const ac_evaluated *e = &self->evaluated;
    ac_status st = AC_OK;

    AC_TRY(ac_scores_compute(&self->scores, e, self->wanted, c->evaluate.idf));
    AC_TRY(add_clip_columns(self));
    if (c->evaluate.merge_scores)
        AC_TRY(ac_results_merge_scores(&self->scores, e, c->evaluate.merge_scores, false));
    AC_TRY(
        ac_traces_compute(&self->traces, &self->scores, e, self->wanted & AC_SCORE_EVIDENCE));
    AC_TRY(ac_scores_finish(&self->scores, (uint64_t) c->seed));
out:
    return st;
}

/* What is asked for beside the run's own files; of a finished run too. */
static ac_status
write_exports(evaluation *self)
{
    const ac_config *c = self->config;
    const ac_results results = { .evaluated = &self->evaluated, .config = c };
    ac_scores references = { 0 };
    ac_status st = AC_OK;

    if (c->evaluate.write_idf) {
        AC_TRY(ac_scores_compute(&references, &self->evaluated, AC_SCORE_CIDER, NULL));
        AC_TRY(ac_frequencies_save(&references, c->evaluate.write_idf));
    }
    if (c->evaluate.export_spice)
        st = ac_results_export_spice(&results, c->evaluate.export_spice);
out:
    ac_scores_free(&references);
    return st;
}

static ac_status
write_in_run(const evaluation *self, const ac_results *results, const char *name,
             ac_status (*write)(const ac_results *, const char *))
{
    char *path = NULL;
    ac_status st = ac_run_path(&self->run, &path, "%s", name);

    if (st == AC_OK)
        st = write(results, path);
    free(path);
    return st;
}

static ac_status
write_summary(const evaluation *self)
{
    const ac_run *run = &self->run;
    ac_buffer b = { 0 };
    ac_status st;

    ac_summary_begin(&b, run, self->with_images ? ac_run_rows(run, AC_STAGE_EMBED) : 0,
                     self->with_images ? ac_run_bad(run, AC_STAGE_EMBED) : 0);
    ac_summary_compute(&b, run);
    ac_buffer_printf(&b, "  \"captions\": %lld,\n  \"wall_seconds\": %.3f,\n",
                     (long long) self->scores.items, ac_progress_clock() - self->started);
    ac_buffer_push_text(&b, "  \"predictions\": ");
    ac_json_text(&b, self->config->evaluate.predictions);
    ac_buffer_push_text(&b, ",\n");
    st = ac_summary_publish(&b, run, (ac_summary_stage){ .name = NULL });
    ac_buffer_free(&b);
    return st;
}

/* Rank 0. */
static ac_status
write_results(evaluation *self)
{
    const ac_job *const jobs[] = { &ac_job_evaluate, &ac_job_caption, NULL };
    const ac_config *c = self->config;
    const ac_results results = {
        .evaluated = &self->evaluated,
        .scores = &self->scores,
        .traces = &self->traces,
        .config = c,
        .images = self->with_images ? &self->images : NULL,
        .rejected_images = self->with_images ? ac_run_bad(&self->run, AC_STAGE_EMBED) : 0,
    };
    ac_status st = AC_OK;

    AC_TRY(compute(self));
    AC_TRY(write_exports(self));
    AC_TRY(write_in_run(self, &results, "items.jsonl", ac_results_write_items));
    AC_TRY(write_in_run(self, &results, "metrics.json", ac_results_write_metrics));
    AC_TRY(write_summary(self));
    st = ac_run_report_write(self->run.folder, jobs, NULL, AC_REPORT_IMAGES);
out:
    return st;
}

static ac_status
show_result(const evaluation *self)
{
    char *path = NULL;
    ac_status st;

    st = ac_run_path(&self->run, &path, "metrics.json");
    if (st == AC_OK)
        st = ac_results_show(path);
    if (st == AC_OK)
        ac_log(AC_LOG_INFO, "report: %s/report.html", self->run.folder);
    free(path);
    return st;
}

static ac_status
run_evaluate_all(const ac_comm *comm, const ac_config *config, const char *folder,
                 ac_locks *locks)
{
    evaluation e = { .comm = comm, .config = config, .started = ac_progress_clock() };
    ac_status st = AC_OK;

    (void) locks;
    AC_TRY(ac_agree_all(comm, check_config(&e)));
    AC_TRY(read_all(&e));
    if (e.with_images)
        AC_TRY(ac_models_open_all(comm, config, AC_CLIP_VISION | AC_CLIP_TEXT, &e.clip, NULL));
    AC_TRY(open_run_all(&e, folder));
    if (!e.run.finished_before) {
        if (e.with_images)
            AC_TRY(embed_all(&e));
        AC_TRY(ac_agree_all(comm, comm->rank == 0 ? write_results(&e) : AC_OK));
        AC_TRY(ac_run_finish_all(&e.run));
    } else if (comm->rank == 0) {
        ac_log(AC_LOG_INFO, "this run is finished; nothing to do");
        st = write_exports(&e);
    }
    AC_TRY(ac_agree_all(comm, st));
    st = ac_agree_all(comm, comm->rank == 0 ? show_result(&e) : AC_OK);
out:
    evaluation_free(&e);
    return st;
}

/* ---- the row ---- */

static ac_status
size_evaluate(ac_sizing *sizing, const ac_config *config)
{
    return config->clip.model
               ? ac_sizing_add_clip(sizing, config, AC_CLIP_VISION | AC_CLIP_TEXT)
               : AC_OK;
}

static const ac_short_form short_forms[] = {
    { "predictions", "PATH", "evaluate.predictions",
      "a run, COCO results, {\"id\": caption}, or a text file with a caption per line" },
    { "references", "PATH", "evaluate.references",
      "COCO annotations, {\"id\": [captions]}, a folder of .txt, an image dataset, or "
      "ref*.txt" },
    { "images", "PATH", "evaluate.images", "the images: CLIPScore, RefCLIPScore" },
    { "model", "CLIP", "clip.model", "the CLIP that scores them" },
    { "against", "PATH", "evaluate.against", "other predictions, to compare with" },
    { "write-idf", "FILE", "evaluate.write_idf", "write the references' document frequencies" },
    { "export-spice", "FILE", "evaluate.export_spice", "write SPICE's input" },
    { "merge-scores", "FILE", "evaluate.merge_scores", "add scores of another program" },
    { "reviewed", NULL, "evaluate.reviewed",
      "the run's captions as a person left them (import-review)" },
    { "out", "DIR", NULL, "short for --run" },
    { NULL, NULL, NULL, NULL },
};

const ac_job ac_job_evaluate = {
    .name = "evaluate",
    .summary = "captions + references, images -> BLEU, ROUGE-L, CIDEr, CLIPScore, evidence",
    .report = AC_REPORT_SCORES,
    .stages = (const ac_stage_type *const[]){ &ac_stage_embed, &ac_stage_clip_scores, NULL },
    .short_forms = short_forms,
    .several = "references",
    .run = run_evaluate_all,
    .no_update = "scores are of one set of captions; give --out another folder",
    .size = size_evaluate,
};
