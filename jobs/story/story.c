/* The job story: one stage, and the merge of what people read. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/comm/exchange.h"
#include "io/checkpoint/gguf.h"
#include "jobs/caption/caption.h"
#include "jobs/caption/stages.h"
#include "jobs/report/run_report.h"
#include "jobs/runtime/memory_limit.h"
#include "jobs/runtime/models.h"
#include "jobs/runtime/progress.h"
#include "jobs/runtime/summary.h"
#include "jobs/story/crash_probe.h"
#include "jobs/story/merge.h"
#include "jobs/story/settings.h"
#include "jobs/story/stage.h"
#include "jobs/story/story_job.h"
#include "jobs/story/template.h"

enum {
    STORY = 0, /* the stage's number */
    MOST_CACHE = 1 << 30
};

/* Memory for keys and values: a quarter of what is left beside the weights, shared by the
 * node's ranks. No result depends on it. AC_E_LIMIT where not even one story could be told. */
static ac_status
set_memory(ac_causal_model *model, const ac_comm *comm, const ac_config *config)
{
    const int64_t node =
        config->limits.memory > 0 ? config->limits.memory : ac_machine_memory();
    const int64_t left = node - (int64_t) ac_causal_model_packed_bytes(model),
                  share = left / comm->node_size / 4;

    model->cache_bytes = share < 1 ? 1 : share > MOST_CACHE ? MOST_CACHE : share;
    if (comm->rank == 0)
        ac_log(AC_LOG_INFO,
               "%s: weights %lld MB per node, keys and values up to %lld MB per rank",
               model->path, (long long) ((int64_t) ac_causal_model_packed_bytes(model) >> 20),
               (long long) (model->cache_bytes >> 20));
    return ac_causal_model_check_cache(
        model, ac_generation_config_most(&model->generation, 1,
                                         model->net.config.max_position_embeddings));
}

/* ---- results, on rank 0 ---- */

static ac_status
write_summary(const ac_run *run, const ac_story_counts *counts, double seconds)
{
    const int64_t ok = ac_run_rows(run, STORY);
    ac_buffer b = { 0 };
    ac_status st;

    ac_summary_begin(&b, run, ok, ac_run_bad(run, STORY));
    ac_summary_compute(&b, run);
    ac_buffer_printf(&b, "  \"stories\": %lld,\n  \"ends\": {", (long long) counts->stories);
    for (int e = 0; e < AC_CAUSAL_ENDS; e++)
        ac_buffer_printf(&b, "%s\"%s\": %lld", e ? ", " : "", ac_causal_end_names[e],
                         (long long) counts->ends[e]);
    ac_buffer_printf(&b,
                     "},\n  \"truncated_prompts\": %lld,\n  \"wall_seconds\": %.3f,\n"
                     "  \"captions_per_second\": %.4g,\n",
                     (long long) counts->truncated, seconds,
                     seconds > 0 ? (double) ok / seconds : 0);
    st = ac_summary_publish(&b, run, (ac_summary_stage){ 0 });
    ac_buffer_free(&b);
    return st;
}

static ac_status
write_results(const ac_run *run, const ac_story_counts *counts, double seconds)
{
    /* of a run of caption the report shows the images */
    const ac_job *const jobs[] = { &ac_job_story, &ac_job_caption, NULL };
    const ac_status st = write_summary(run, counts, seconds);

    return st == AC_OK ? ac_run_report_write(run->folder, jobs, NULL, AC_REPORT_IMAGES) : st;
}

/* "12 by an end token, 28 at the maximum length" */
static void
show_ends(const ac_story_counts *counts)
{
    static const char *const how[] = { "by an end token", "by a stop string",
                                       "at the maximum length",
                                       "at the model's last position" };
    ac_buffer b = { 0 };

    for (int e = 0; e < AC_CAUSAL_ENDS; e++)
        if (counts->ends[e])
            ac_buffer_printf(&b, "%s%lld %s", b.size ? ", " : "", (long long) counts->ends[e],
                             how[e]);
    if (b.size && b.status == AC_OK)
        ac_log(AC_LOG_INFO, "%lld stories ended: %s", (long long) counts->stories, b.data);
    ac_buffer_free(&b);
}

static void
show_result(const ac_run *run)
{
    if (run->comm->rank != 0)
        return;
    if (ac_run_is_part(run)) {
        ac_log(AC_LOG_INFO,
               "part %lld of %lld is done; the same command without compute.parts completes "
               "the run",
               (long long) run->config->compute.part, (long long) run->config->compute.parts);
        return;
    }
    ac_log(AC_LOG_INFO, "%lld captions: %lld continued, %lld rejected%s",
           (long long) run->manifest.items, (long long) ac_run_rows(run, STORY),
           (long long) ac_run_bad(run, STORY),
           ac_run_bad(run, STORY) ? " (bad_items.jsonl)" : "");
    ac_log(AC_LOG_INFO, "report: %s/report.html", run->folder);
    ac_log(AC_LOG_INFO, "results: %s/stories.jsonl", run->folder);
}

/* ---- the job ---- */

static ac_status
tell_all(ac_run *run, ac_story_work *work, double started)
{
    const bool last = !ac_run_is_part(run), first_rank = run->comm->rank == 0;
    ac_story_counts counts = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_story_probe_all(run, work->captions));
    AC_TRY(ac_stage_run_all(run, &ac_stage_story, work));
    if (last)
        AC_TRY(ac_agree_all(run->comm, first_rank ? ac_story_merge(run, &counts) : AC_OK));
    if (counts.truncated)
        ac_log(AC_LOG_WARNING, "truncated on the left to the model's limit: %lld prompts",
               (long long) counts.truncated);
    if (counts.unsaid)
        ac_log(
            AC_LOG_WARNING,
            "%lld shards are of an older version, which did not record how many prompts were "
            "truncated; summary.json counts none of theirs",
            (long long) counts.unsaid);
    AC_TRY(ac_check_bad_items(run));
    if (last)
        AC_TRY(ac_agree_all(
            run->comm,
            first_rank ? write_results(run, &counts, ac_progress_clock() - started) : AC_OK));
    if (first_rank)
        show_ends(&counts);
    st = ac_run_finish_all(run);
out:
    return st;
}

static ac_status
run_story_all(const ac_comm *comm, const ac_config *config, const char *folder, ac_locks *locks)
{
    const ac_compute compute = ac_config_compute(config);
    ac_causal_model model = { 0 };
    ac_story_captions captions = { 0 };
    ac_story_ranker ranker = { 0 };
    ac_story_work work = { .model = &model, .captions = &captions };
    ac_run run = { 0 };
    ac_run_identity id = {
        .job = ac_job_story.name, .stages = ac_job_story.stages, .clip = "", .cache = ""
    };
    const double started = ac_progress_clock();
    ac_status st = AC_OK;

    (void) locks;
    id.kernels = ac_compute_kernels(&compute);
    AC_TRY(ac_agree_all(comm,
                        ac_story_template_check(config->story.prompt, config->story.system)));
    if (comm->rank == 0 && ac_story_system(config) && config->story.chat == AC_CHAT_NONE)
        ac_log(AC_LOG_WARNING, "story.system has no effect without story.chat");
    AC_TRY(ac_agree_all(comm, ac_story_captions_read(&captions, config->input.path)));
    AC_TRY(ac_models_open_causal_all(comm, config, &model));
    AC_TRY(ac_agree_all(comm, ac_story_set_generation(&model, config)));
    AC_TRY(ac_agree_all(comm, set_memory(&model, comm, config)));
    if (config->story.rank) {
        work.ranker = &ranker;
        AC_TRY(ac_story_ranker_open_all(&ranker, comm, config));
        id.clip = ranker.clip.fingerprint;
    }
    id.items = captions.keys.count;
    id.input = captions.fingerprint;
    id.bart = model.fingerprint;
    AC_TRY(ac_run_open_all(&run, comm, config, folder, &id));
    if (!run.finished_before)
        ac_run_warn_of_idle_ranks(&run);
    if (!run.finished_before)
        AC_TRY(tell_all(&run, &work, started));
    else if (comm->rank == 0)
        ac_log(AC_LOG_INFO, "this run is finished; nothing to do");
    show_result(&run);
out:
    ac_run_free(&run);
    ac_story_captions_free(&captions);
    ac_story_ranker_free(&ranker);
    ac_causal_model_free(&model);
    return st;
}

static ac_status
size_story(ac_sizing *sizing, const ac_config *config)
{
    const ac_status st = ac_sizing_add_causal(sizing, config, MOST_CACHE);

    return st == AC_OK && config->story.rank && config->clip.model
               ? ac_sizing_add_clip(sizing, config, AC_CLIP_TEXT)
               : st;
}

const ac_job ac_job_story = {
    .name = "story",
    .summary = "captions + a causal language model -> stories that continue them",
    .parts = true,
    .report = AC_REPORT_STORIES,
    .stages = (const ac_stage_type *const[]){ &ac_stage_story, NULL },
    .run = run_story_all,
    .no_update = "stories follow the captions of one run; give --out another folder",
    .word = "input.path",
    .usage = "RUN --model MODEL",
    .short_forms =
        (const ac_short_form[]){
            { "model", "MODEL", "story.model",
              "a folder or a .gguf file: short for --set story.model=MODEL" },
            { "prompt", "TEXT", "story.prompt", "short for --set story.prompt=TEXT" },
            { "out", "DIR", NULL, "the run folder: the same as --run" },
            { 0 } },
    .size = size_story,
};
