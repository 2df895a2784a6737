/* The job train: tables once, then steps. */
#include "jobs/train/train_job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "io/file/json_write.h"
#include "io/file/publish.h"
#include "jobs/report/run_report.h"
#include "jobs/runtime/memory_limit.h"
#include "jobs/runtime/models.h"
#include "jobs/train/crash_probe.h"
#include "jobs/train/train.h"
#include "jobs/version.h"

static ac_status
open_models_all(ac_pipeline *p)
{
    ac_decoder decoder;
    ac_status st = AC_OK;

    AC_TRY(ac_models_open_all(p->comm, p->config, AC_CLIP_VISION | AC_CLIP_TEXT, &p->clip,
                              &p->bart));
    decoder = ac_bart_as_decoder(&p->bart.net);
    st = ac_agree_all(p->comm, ac_generation_config_check(&p->bart.generation, &decoder));
out:
    return st;
}

/* Images to tables, as `tag` does; then CLIP and the cache are no longer needed. */
static ac_status
make_tables_all(ac_training *self)
{
    ac_pipeline *p = &self->pipeline;
    ac_status st = AC_OK;

    AC_TRY(ac_training_trial_all(p, &self->items));
    AC_TRY(ac_stage_embed_all(p));
    AC_TRY(ac_merge_bad_items_all(p));
    AC_TRY(ac_check_bad_items(p));
    AC_TRY(ac_stage_retrieve_all(p));
    ac_clip_model_free(&p->clip);
    ac_cache_close(&p->cache);
    AC_TRY(ac_training_data_load_all(&self->data, &self->items, p));
    if (p->comm->rank == 0) {
        ac_log(
            AC_LOG_INFO,
            "training: %lld images with %lld captions and %lld tables; validation: %lld images",
            (long long) self->data.train.count, (long long) self->data.train.captions.count,
            (long long) self->data.train.tables.count, (long long) self->data.validation.count);
        if (self->data.cut_tables || self->data.cut_captions)
            ac_log(AC_LOG_WARNING,
                   "cut: %lld tables to train.max_source_tokens (%lld), %lld captions to "
                   "train.max_target_tokens (%lld)",
                   (long long) self->data.cut_tables,
                   (long long) p->config->train.max_source_tokens,
                   (long long) self->data.cut_captions,
                   (long long) p->config->train.max_target_tokens);
        if (p->comm->size > p->config->train.replicas)
            ac_log(AC_LOG_WARNING,
                   "%d ranks but train.replicas: %lld: %lld ranks have nothing to do in a step "
                   "(they validate)",
                   p->comm->size, (long long) p->config->train.replicas,
                   (long long) (p->comm->size - p->config->train.replicas));
    }
out:
    return st;
}

static ac_status
open_trainer(ac_training *self)
{
    ac_pipeline *p = &self->pipeline;
    const ac_compute compute = ac_config_compute(p->config);
    ac_status st = AC_OK;

    AC_TRY(ac_alloc_aligned(
        &self->packed, (int64_t) ac_bart_trainer_packed_bytes(&p->bart.net.config, &compute),
        1));
    AC_TRY(ac_bart_trainer_init(&self->trainer, &p->bart.net, &p->bart.weights.tensors,
                                &compute, self->packed, true));
    st = ac_training_init(self);
out:
    return st;
}

static ac_status
write_summary(const ac_training *self, double seconds, int64_t peak,
              const ac_checkpoint_file *best)
{
    const ac_pipeline *p = &self->pipeline;
    const ac_config *config = p->config;
    const double steps = self->steps_here ? (double) self->steps_here : 1,
                 stepping = self->seconds_steps > 0 ? self->seconds_steps : 1;
    ac_buffer b = { 0 };
    char *path = NULL;
    ac_status st = ac_run_path(&p->run, &path, "summary.json");

    ac_buffer_printf(&b,
                     "{\n  \"job\": \"train\",\n  \"version\": \"%s\",\n  \"state\": "
                     "\"done\",\n  \"items\": %lld,\n  \"ok\": %lld,\n  \"bad\": %lld,\n",
                     AC_VERSION, (long long) p->run.manifest.items,
                     (long long) ac_run_rows(&p->run, AC_STAGE_EMBED),
                     (long long) ac_run_bad(&p->run, AC_STAGE_EMBED));
    ac_buffer_printf(
        &b,
        "  \"ranks\": %d,\n  \"replicas\": %lld,\n  \"precision\": \"%s\",\n  \"kernels\": ",
        p->comm->size, (long long) config->train.replicas,
        ac_precision_names[config->compute.precision]);
    ac_json_text(&b, p->run.manifest.kernels);
    ac_buffer_printf(&b,
                     ",\n  \"trained_numbers\": %lld,\n  \"steps\": %lld,\n  \"best_step\": "
                     "%lld,\n  \"best_vloss\": %.9g,\n",
                     (long long) self->trainer.count, (long long) self->step,
                     (long long) best->step, best->vloss);
    ac_buffer_printf(&b,
                     "  \"wall_seconds\": %.3f,\n  \"steps_here\": %lld,\n  "
                     "\"seconds_per_step\": %.6g,\n  \"exchange_share\": %.4g,\n",
                     seconds, (long long) self->steps_here, self->seconds_steps / steps,
                     self->seconds_exchange / stepping);
    ac_buffer_printf(
        &b,
        "  \"validation_seconds\": %.3f,\n  \"tokens_per_second\": %.6g,\n  "
        "\"pictures_per_second\": %.6g,\n",
        self->seconds_validation, (double) self->tokens_here / stepping,
        (double) (self->steps_here * config->train.replicas * config->train.batch) / stepping);
    ac_buffer_printf(
        &b, "  \"activation_bytes\": %zu,\n  \"peak_memory_bytes\": %lld,\n  \"stages\": [",
        self->activation_bytes, (long long) peak);
    for (int s = 0; s < p->run.manifest.stage_count; s++)
        ac_buffer_printf(&b, "%s\n    {\"name\": \"%s\", \"seconds\": %.3f, \"items\": %lld}",
                         s ? "," : "", p->run.manifest.stages[s].name,
                         p->run.manifest.stages[s].seconds,
                         (long long) ac_run_rows(&p->run, s));
    ac_buffer_push_text(&b, "\n  ]\n}\n");
    if (st == AC_OK)
        st = b.status == AC_OK ? ac_publish_file(path, b.data, b.size) : b.status;
    ac_buffer_free(&b);
    free(path);
    return st;
}

/* Rank 0: what a finished run leaves beside its checkpoints. */
static ac_status
write_results(ac_training *self, double seconds, int64_t peak)
{
    ac_checkpoint best = { .exp_avg = self->exp_avg, .exp_avg_sq = self->exp_avg_sq };
    const int64_t at = ac_checkpoints_best(&self->checkpoints);
    float *values = NULL;
    ac_status st = AC_OK;

    AC_CHECK(at >= 0); /* the last step is validated */
    AC_TRY(ac_alloc(&values, self->trainer.count, sizeof *values));
    best.values = values;
    AC_TRY(ac_checkpoints_load(&self->checkpoints, at, &best));
    AC_TRY(ac_training_write_samples(self, values));
    AC_TRY(write_summary(self, seconds, peak, &self->checkpoints.files[at]));
    st = ac_run_report_write(self->pipeline.run.folder, NULL, AC_REPORT_IMAGES);
out:
    free(values);
    return st;
}

static void
show_result(const ac_training *self)
{
    const ac_run *run = &self->pipeline.run;

    if (self->pipeline.comm->rank != 0)
        return;
    ac_log(AC_LOG_INFO, "report: %s/report.html", run->folder);
    ac_log(AC_LOG_INFO,
           "results: %s/layer_norms.safetensors (for bart.layer_norms), checkpoints, "
           "metrics.jsonl",
           run->folder);
}

static ac_status
train_all(ac_training *self, const char *folder)
{
    ac_pipeline *p = &self->pipeline;
    const double started = ac_progress_clock();
    static const char *const stages[] = { "embed", "retrieve" };
    const ac_compute compute = ac_config_compute(p->config);
    ac_run_identity id = { .job = "train", .stages = stages, .stage_count = 2 };
    int64_t peak;
    ac_status st = AC_OK;

    p->run.journal = -1;
    id.kernels = ac_compute_kernels(&compute);
    AC_TRY(ac_training_items_read_all(&self->items, p));
    AC_TRY(open_models_all(p));
    AC_TRY(ac_pipeline_open_cache_all(p, folder));
    id.items = p->images.count;
    id.input = self->items.fingerprint;
    id.clip = p->clip.fingerprint;
    id.cache = p->cache.fingerprint;
    id.bart = p->bart.fingerprint;
    AC_TRY(ac_run_open_all(&p->run, p->comm, p->config, folder, &id));
    if (p->run.finished_before) {
        if (p->comm->rank == 0)
            ac_log(AC_LOG_INFO, "this run is finished; nothing to do");
        show_result(self);
        goto out;
    }
    AC_TRY(make_tables_all(self));
    AC_TRY(ac_agree_all(p->comm, open_trainer(self)));
    AC_TRY(ac_training_resume_all(self));
    AC_TRY(ac_training_run_all(self));
    peak = ac_peak_memory_all(p->comm);
    AC_TRY(ac_agree_all(p->comm, p->comm->rank == 0
                                     ? write_results(self, ac_progress_clock() - started, peak)
                                     : AC_OK));
    AC_TRY(ac_run_finish_all(&p->run));
    show_result(self);
out:
    return st;
}

static void
training_free(ac_training *self)
{
    ac_pipeline *p = &self->pipeline;

    ac_checkpoints_free(&self->checkpoints);
    ac_metrics_close(&self->metrics);
    ac_parts_free(&self->replicas);
    ac_parts_free(&self->blocks);
    ac_batch_builder_free(&self->builder);
    ac_bart_trainer_free(&self->trainer);
    ac_training_data_free(&self->data);
    ac_training_items_free(&self->items);
    free(self->packed);
    free(self->start);
    free(self->exp_avg);
    free(self->exp_avg_sq);
    free(self->gradient);
    free(self->order);
    ac_run_free(&p->run);
    ac_image_list_free(&p->images);
    ac_clip_model_free(&p->clip);
    ac_bart_model_free(&p->bart);
    ac_cache_close(&p->cache);
}

static ac_status
run_train_all(const ac_comm *comm, const ac_config *config, const char *folder, ac_locks *locks)
{
    ac_training training = { .pipeline = { .comm = comm, .config = config } };
    const ac_status st = train_all(&training, folder);

    (void) locks;
    training_free(&training);
    return st;
}

static ac_status
size_train(ac_sizing *sizing, const ac_config *config)
{
    const ac_status st = ac_sizing_add_clip(sizing, config, AC_CLIP_VISION | AC_CLIP_TEXT);

    if (st == AC_OK)
        ac_sizing_add_cache(sizing, config);
    return st == AC_OK ? ac_sizing_add_bart_trainer(sizing, config) : st;
}

const ac_job ac_job_train = {
    .name = "train",
    .summary = "captioned images + cache + models -> layer norms, checkpoints, metrics",
    .run = run_train_all,
    .size = size_train,
};
