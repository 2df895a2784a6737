/* The job dedupe: one stage, which compares each item with all behind it, and what follows from
 * its pairs. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/comm/shared.h"
#include "jobs/dedupe/dedupe_job.h"
#include "jobs/dedupe/results.h"
#include "jobs/runtime/progress.h"
#include "jobs/runtime/summary.h"

enum {
    SAMPLE = 16384,
    SAMPLE_ROWS = 128,
    SAMPLE_TIMES = 5
}; /* compared to estimate how long all will take */

typedef struct deduper {
    const ac_comm *comm;
    const ac_config *config;
    ac_archive archive;
    ac_run run;
    ac_shared shared; /* the embeddings [n, D], once per node */
    ac_dedupe_work work;
    ac_dedupe_results results;
    double started;
} deduper;

static void
deduper_free(deduper *self)
{
    ac_dedupe_results_free(&self->results);
    ac_run_free(&self->run);
    ac_archive_close(&self->archive);
    ac_shared_free(&self->shared);
}

/* ---- before the work ---- */

static double
all_pairs(int64_t n)
{
    return 0.5 * (double) n * ((double) n - 1);
}

/* Scores of unit vectors are never below -1: then every pair is one; nor above 1, but for
 * rounding: a threshold in per cent. */
static ac_status
check_threshold(const deduper *self)
{
    const double threshold = self->config->dedupe.threshold;

    if (threshold > 1.001 && !self->archive.sources[0].is_cache && self->comm->rank == 0)
        ac_log(AC_LOG_WARNING,
               "dedupe.threshold %g: no two images reach it, since no score is above 1",
               threshold);
    if (!(threshold <= -1) || self->config->dedupe.all ||
        all_pairs(self->archive.n) <= AC_DEDUPE_MOST_PAIRS)
        return AC_OK;
    return ac_error_set(AC_E_ARG,
                        "dedupe.threshold %g makes a pair of any two: %.0f pairs of %lld, and "
                        "more than %d are written with --all only",
                        threshold, all_pairs(self->archive.n), (long long) self->archive.n,
                        AC_DEDUPE_MOST_PAIRS);
}

/* Seconds for the pairs of a sample, of this rank. */
static ac_status
time_sample(const deduper *self, double *seconds, double *pairs)
{
    const ac_archive *a = &self->archive;
    const int64_t n = a->n < SAMPLE ? a->n : SAMPLE, rows = n < SAMPLE_ROWS ? n : SAMPLE_ROWS;
    ac_pairs sample = { 0 };
    ac_pair_list found = { 0 };
    ac_status st = AC_OK;

    *seconds = INFINITY;
    AC_TRY(ac_pairs_init(&sample, self->shared.bytes, n, a->D, self->config->dedupe.threshold));
    for (int i = 0; i < SAMPLE_TIMES; i++) { /* the first wakes the threads */
        const double start = ac_progress_clock();
        double took;
        found.count = 0;
        AC_TRY(ac_pairs_find(&sample, 0, rows, INT64_MAX, &found));
        took = ac_progress_clock() - start;
        *seconds = took < *seconds ? took : *seconds;
        if (took > 1)
            break;
    }
    *pairs = (double) rows * ((double) n - 0.5 * (double) (rows + 1));
    if (self->comm->rank == 0)
        ac_log(AC_LOG_DEBUG, "scan %s: %.3g s for %.0f pairs", ac_pairs_scan(&sample), *seconds,
               *pairs);
out:
    ac_pairs_free(&sample);
    ac_pair_list_free(&found);
    return st;
}

/* What is to come is said before it is begun. */
static ac_status
say_estimate_all(const deduper *self)
{
    const int64_t n = self->archive.n, shards = self->run.manifest.shard_count;
    double seconds = 0, pairs = 1, left = 0;
    int64_t undone = 0, rate;
    ac_status st = time_sample(self, &seconds, &pairs);

    AC_TRY(ac_agree_all(self->comm, st));
    rate = seconds > 0 ? (int64_t) (pairs / seconds) + 1 : INT64_MAX / 65536;
    ac_sum_int64_all(self->comm, &rate, 1);
    for (int64_t s = 0; s < shards; s++)
        undone += !self->run.manifest.stages[0].shards[s].done;
    left = all_pairs(n) * (double) undone / (double) (shards ? shards : 1);
    if (self->comm->rank == 0)
        ac_log(AC_LOG_INFO,
               "%lld items: %.0f pairs to compare, about %.0f s here; twice the items take "
               "four times as long",
               (long long) n, left, left / (double) rate);
out:
    return st;
}

/* Each node holds the embeddings once. */
static ac_status
load_all(deduper *self)
{
    ac_archive *a = &self->archive;
    const size_t bytes = (size_t) (a->n * a->D) * sizeof(float);
    ac_status st = AC_OK;

    AC_TRY(ac_shared_init_all(&self->shared, self->comm, bytes, AC_OK));
    if (self->shared.fills)
        st = ac_archive_read(a, 0, a->n, self->shared.bytes);
    AC_TRY(ac_agree_all(self->comm, st));
    self->work = (ac_dedupe_work){ .embeddings = self->shared.bytes,
                                   .n = a->n,
                                   .D = a->D,
                                   .threshold = self->config->dedupe.threshold,
                                   .all = self->config->dedupe.all };
out:
    return st;
}

static ac_status
open_run_all(deduper *self, const char *folder)
{
    const ac_compute compute = ac_config_compute(self->config);
    char input[33];
    const ac_run_identity id = {
        .job = ac_job_dedupe.name,
        .stages = ac_job_dedupe.stages,
        .items = self->archive.n,
        .input = input,
        .clip = ac_archive_model(&self->archive),
        .cache = "",
        .bart = "",
        .kernels = ac_compute_kernels(&compute),
    };
    ac_status st = ac_archive_fingerprint(&self->archive, input);

    AC_TRY(ac_agree_all(self->comm, st));
    st = ac_run_open_all(&self->run, self->comm, self->config, folder, &id);
out:
    return st;
}

/* ---- results ---- */

static ac_status
write_summary(const deduper *self)
{
    const ac_dedupe_results *r = &self->results;
    ac_buffer b = { 0 };
    ac_status st;

    ac_summary_begin(&b, &self->run, self->archive.n, 0);
    ac_summary_compute(&b, &self->run);
    ac_buffer_printf(&b,
                     "  \"pairs\": %lld,\n  \"groups\": %lld,\n  \"kept\": %lld,\n"
                     "  \"dropped\": %lld,\n  \"wall_seconds\": %.3f,\n",
                     (long long) r->pairs, (long long) r->groups,
                     (long long) (self->archive.n - r->dropped), (long long) r->dropped,
                     ac_progress_clock() - self->started);
    st = ac_summary_publish(&b, &self->run, (ac_summary_stage){ 0 });
    ac_buffer_free(&b);
    return st;
}

/* Rank 0. */
static ac_status
write_results(deduper *self)
{
    ac_status st = AC_OK;

    self->results = (ac_dedupe_results){ .run = &self->run, .archive = &self->archive };
    AC_TRY(ac_dedupe_results_write(&self->results));
    AC_TRY(write_summary(self));
    ac_log(AC_LOG_INFO, "%lld pairs in %lld groups: %lld of %lld kept, %lld dropped",
           (long long) self->results.pairs, (long long) self->results.groups,
           (long long) (self->archive.n - self->results.dropped), (long long) self->archive.n,
           (long long) self->results.dropped);
out:
    return st;
}

static void
show_result(const deduper *self)
{
    if (self->comm->rank != 0)
        return;
    if (ac_run_is_part(&self->run))
        ac_log(AC_LOG_INFO,
               "part %lld of %lld is done; the same command without compute.parts completes "
               "the run",
               (long long) self->config->compute.part, (long long) self->config->compute.parts);
    else
        ac_log(AC_LOG_INFO, "results: %s/pairs.jsonl, groups.jsonl, kept.txt",
               self->run.folder);
}

/* ---- the job ---- */

static ac_status
compare_all(deduper *self)
{
    const bool last = !ac_run_is_part(&self->run), first_rank = self->comm->rank == 0;
    bool undone = false;
    ac_status st = AC_OK;

    for (int64_t s = 0; s < self->run.manifest.shard_count; s++)
        undone = undone || !self->run.manifest.stages[0].shards[s].done;
    if (undone) {
        AC_TRY(load_all(self));
        AC_TRY(say_estimate_all(self));
    }
    AC_TRY(ac_stage_run_all(&self->run, &ac_stage_pairs, &self->work));
    if (last)
        AC_TRY(ac_agree_all(self->comm, first_rank ? write_results(self) : AC_OK));
    st = ac_run_finish_all(&self->run);
out:
    return st;
}

static ac_status
run_dedupe_all(const ac_comm *comm, const ac_config *config, const char *folder,
               ac_locks *locks)
{
    const char *path = config->input.path;
    deduper self = { .comm = comm, .config = config, .started = ac_progress_clock() };
    ac_status st = ac_archive_open(&self.archive, &path, 1);

    (void) locks;
    if (st == AC_OK)
        st = check_threshold(&self);
    AC_TRY(ac_agree_all(comm, st));
    AC_TRY(open_run_all(&self, folder));
    if (!self.run.finished_before)
        AC_TRY(compare_all(&self));
    else if (comm->rank == 0)
        ac_log(AC_LOG_INFO, "this run is finished; nothing to do");
    show_result(&self);
out:
    deduper_free(&self);
    return st;
}

/* Embeddings once per node; packed and with keys in each rank. */
static ac_status
size_dedupe(ac_sizing *sizing, const ac_config *config)
{
    enum { FACTS = 28, LISTS = 96 }; /* bytes of a row: of the scan, of keys and groups */
    const char *path = config->input.path;
    ac_archive archive = { 0 };
    const ac_status st = ac_archive_open(&archive, &path, 1);

    if (st == AC_OK) {
        sizing->packed += archive.n * archive.D * (int64_t) sizeof(float);
        sizing->work +=
            archive.n * (archive.D + FACTS + LISTS) + (int64_t) archive.keys.bytes.size;
    }
    ac_archive_close(&archive);
    return st;
}

const ac_job ac_job_dedupe = {
    .name = "dedupe",
    .summary = "embeddings of a run or cache -> near-duplicates, groups, what to keep",
    .parts = true,
    .stages = (const ac_stage_type *const[]){ &ac_stage_pairs, NULL },
    .run = run_dedupe_all,
    .size = size_dedupe,
    .word = "input.path",
    .usage = "RUN|CACHE [--threshold 0.96] --out DIR",
    .short_forms =
        (const ac_short_form[]){
            { "threshold", "S", "dedupe.threshold", "short for --set dedupe.threshold=S" },
            { "all", NULL, "dedupe.all", "write any number of pairs" },
            { "out", "DIR", NULL, "the run folder: the same as --run" },
            { 0 } },
};
