/* The job train: tables once, then steps. */
#include "jobs/train/train_job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "io/file/json_write.h"
#include "io/file/publish.h"
#include "jobs/cache/open.h"
#include "jobs/caption/crash_probe.h"
#include "jobs/caption/stages.h"
#include "jobs/report/run_report.h"
#include "jobs/runtime/memory_limit.h"
#include "jobs/runtime/models.h"
#include "jobs/train/crash_probe.h"
#include "jobs/train/train.h"
#include "jobs/runtime/summary.h"
#include "jobs/runtime/tar_input.h"

/* What the job holds while it runs. */
typedef struct training_job {
    const ac_comm *comm;
    const ac_config *config;
    ac_run run;
    ac_training_items items;
    ac_clip_model clip;
    ac_bart_model bart;
    ac_cache_set caches;
    ac_denied denied;
    ac_training training;
} training_job;

static ac_status
open_models_all(training_job *p)
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
make_tables_all(training_job *p)
{
    ac_embed_work embed = { .clip = &p->clip,
                            .images = &p->items.images,
                            .random_crops = p->items.random_crops };
    ac_retrieve_work retrieve = { .admission =
                                      ac_admission_of(&p->caches, &p->denied, p->config) };
    ac_status st = AC_OK;

    AC_TRY(ac_training_probe_all(&p->run, &p->items.images, &p->bart));
    AC_TRY(ac_image_probe_all(&p->run, &p->items.images));
    AC_TRY(ac_stage_run_all(&p->run, &ac_stage_embed, &embed));
    AC_TRY(ac_merge_bad_items_all(&p->run));
    AC_TRY(ac_check_bad_items(&p->run));
    st = ac_stage_run_all(&p->run, &ac_stage_retrieve, &retrieve);
    ac_clip_model_free(&p->clip);
    ac_cache_set_close(&p->caches);
out:
    return st;
}

static ac_status
load_data_all(training_job *p)
{
    ac_training *self = &p->training;
    ac_status st = AC_OK;

    AC_TRY(ac_training_data_load_all(&self->data, &p->items, &p->run, &p->bart));
    if (p->comm->rank == 0) {
        ac_log(AC_LOG_INFO,
               "training: %lld images with %lld captions and %lld prompts; validation: %lld "
               "images",
               (long long) self->data.train.count, (long long) self->data.train.captions.count,
               (long long) self->data.train.tables.count,
               (long long) self->data.validation.count);
        if (self->data.cut_tables || self->data.cut_captions)
            ac_log(AC_LOG_WARNING,
                   "truncated: %lld prompts to train.max_source_tokens (%lld), %lld captions "
                   "to train.max_target_tokens (%lld)",
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
    ac_bart_model *bart = self->bart;
    const ac_compute compute = ac_config_compute(self->config);
    ac_status st = AC_OK;

    AC_TRY(ac_alloc_aligned(
        &self->packed, (int64_t) ac_bart_trainer_packed_bytes(&bart->net.config, &compute), 1));
    AC_TRY(ac_bart_trainer_init(&self->trainer, &bart->net, &bart->weights.tensors, &compute,
                                self->packed, true));
    st = ac_training_init(self);
out:
    return st;
}

static ac_status
write_summary(const ac_training *self, double seconds, int64_t peak,
              const ac_checkpoint_file *best)
{
    const ac_run *run = self->run;
    const ac_config *config = self->config;
    const double steps = self->steps_here ? (double) self->steps_here : 1,
                 stepping = self->seconds_steps > 0 ? self->seconds_steps : 1;
    ac_buffer b = { 0 };
    ac_status st;

    ac_summary_begin(&b, run, ac_run_rows(run, AC_STAGE_EMBED),
                     ac_run_bad(run, AC_STAGE_EMBED));
    ac_summary_compute(&b, run);
    ac_buffer_printf(&b, "  \"replicas\": %lld,\n", (long long) config->train.replicas);
    ac_buffer_printf(&b,
                     "  \"trained_numbers\": %lld,\n  \"steps\": %lld,\n  \"best_step\": "
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
    ac_buffer_printf(&b, "  \"activation_bytes\": %zu,\n  \"peak_memory_bytes\": %lld,\n",
                     self->activation_bytes, (long long) peak);
    st = ac_summary_publish(&b, run, (ac_summary_stage){ 0 });
    ac_buffer_free(&b);
    return st;
}

/* Rank 0: what a finished run leaves beside its checkpoints. */
static ac_status
write_results(ac_training *self, double seconds, int64_t peak)
{
    ac_checkpoint best = { .exp_avg = self->exp_avg, .exp_avg_sq = self->exp_avg_sq };
    const int64_t at = ac_checkpoints_best(&self->checkpoints);
    const ac_job *const jobs[] = { &ac_job_train, NULL };
    float *values = NULL;
    ac_status st = AC_OK;

    AC_CHECK(at >= 0); /* the last step is validated */
    AC_TRY(ac_alloc(&values, self->trainer.count, sizeof *values));
    best.values = values;
    AC_TRY(ac_checkpoints_load(&self->checkpoints, at, &best));
    AC_TRY(ac_training_write_samples(self, values));
    AC_TRY(write_summary(self, seconds, peak, &self->checkpoints.files[at]));
    st = ac_run_report_write(self->run->folder, jobs, NULL, AC_REPORT_IMAGES);
out:
    free(values);
    return st;
}

static void
show_result(const ac_run *run)
{
    if (run->comm->rank != 0)
        return;
    ac_log(AC_LOG_INFO, "report: %s/report.html", run->folder);
    ac_log(AC_LOG_INFO,
           "results: %s/layer_norms.safetensors (for bart.layer_norms), checkpoints, "
           "metrics.jsonl",
           run->folder);
}

/* Tables once, then steps. */
static ac_status
train_all(training_job *p, double started)
{
    ac_training *self = &p->training;
    int64_t peak;
    ac_status st = AC_OK;

    AC_TRY(make_tables_all(p));
    AC_TRY(load_data_all(p));
    AC_TRY(ac_agree_all(p->comm, open_trainer(self)));
    AC_TRY(ac_training_resume_all(self));
    AC_TRY(ac_training_run_all(self));
    peak = ac_peak_memory_all(p->comm);
    AC_TRY(ac_agree_all(p->comm, p->comm->rank == 0
                                     ? write_results(self, ac_progress_clock() - started, peak)
                                     : AC_OK));
    if (p->comm->rank == 0)
        ac_training_data_remove(&self->data);
    st = ac_run_finish_all(&p->run);
out:
    return st;
}

static ac_status
check_pixels(const training_job *p)
{
    ac_status st = AC_OK;

    AC_TRY(ac_check_pixels(&p->items.sets[0], p->config, &p->clip, "input.train",
                           p->items.random_crops > 0));
    st = ac_check_pixels(&p->items.sets[1], p->config, &p->clip, "input.validation", false);
out:
    return st;
}

static ac_status
run_job_all(training_job *p, const char *folder)
{
    const ac_compute compute = ac_config_compute(p->config);
    ac_run_identity id = { .job = ac_job_train.name, .stages = ac_job_train.stages };
    const double started = ac_progress_clock();
    double cache_seconds;
    ac_status st = AC_OK;

    id.kernels = ac_compute_kernels(&compute);
    AC_TRY(ac_training_items_open_all(&p->items, p->comm, p->config, folder));
    AC_TRY(open_models_all(p));
    AC_TRY(ac_agree_all(p->comm, check_pixels(p)));
    AC_TRY(ac_agree_all(p->comm, ac_denied_open(&p->denied, p->config)));
    AC_TRY(ac_caches_open_or_build_all(&p->caches, p->comm, p->config, &p->clip, folder,
                                       &cache_seconds));
    id.items = p->items.images.count;
    id.input = p->items.images.fingerprint;
    id.key_prefix = ac_tar_input_key_prefix(&p->items.sets[0]);
    id.validation_key_prefix = ac_tar_input_key_prefix(&p->items.sets[1]);
    id.clip = p->clip.fingerprint;
    id.cache = p->caches.fingerprint;
    id.caches = &p->caches;
    id.deny = p->denied.fingerprint;
    id.bart = p->bart.fingerprint;
    AC_TRY(ac_run_open_all(&p->run, p->comm, p->config, folder, &id));
    if (!p->run.finished_before)
        AC_TRY(train_all(p, started));
    else if (p->comm->rank == 0)
        ac_log(AC_LOG_INFO, "this run is finished; nothing to do");
    show_result(&p->run);
out:
    return st;
}

static ac_status
run_train_all(const ac_comm *comm, const ac_config *config, const char *folder, ac_locks *locks)
{
    training_job p = { .comm = comm, .config = config };
    ac_status st;

    (void) locks;
    p.training =
        (ac_training){ .comm = comm, .config = config, .run = &p.run, .bart = &p.bart };
    st = run_job_all(&p, folder);
    ac_training_free(&p.training);
    ac_training_items_free(&p.items);
    ac_run_free(&p.run);
    ac_clip_model_free(&p.clip);
    ac_bart_model_free(&p.bart);
    ac_cache_set_close(&p.caches);
    ac_denied_free(&p.denied);
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
    .stages = (const ac_stage_type *const[]){ &ac_stage_embed, &ac_stage_retrieve, NULL },
    .report = AC_REPORT_TRAINING,
    .run = run_train_all,
    .no_update =
        "a training depends on all of its images from its first step on; train again in "
        "another --run folder",
    .size = size_train,
};
