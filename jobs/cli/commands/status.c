/* status: how a run stands, from its folder alone (and Slurm's word on its jobs, where Slurm is
 * in reach). */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cache_builder/cache.h"
#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "io/file/file_look.h"
#include "io/file/json_lines.h"
#include "io/file/json_value.h"
#include "io/file/path.h"
#include "io/file/publish.h"
#include "jobs/cli/commands/commands.h"
#include "jobs/cli/commands/slurm_queries.h"
#include "jobs/cli/options.h"
#include "jobs/cli/terminal.h"
#include "jobs/runtime/lock.h"
#include "jobs/runtime/manifest.h"

static const ac_option options[] = {
    { "json", 0, NULL, "print one JSON object instead of text" },
    { NULL, 0, NULL, NULL },
};

/* What the folder tells. JSON values are borrowed from the roots. */
typedef struct view {
    const char *folder;
    ac_manifest manifest;
    bool has_manifest, done_marker;
    ac_lock_holder holder; /* the one that lives, or the last found */
    json_t *progress;      /* progress.json; NULL: none */
    json_t *start, *end;   /* the last events of attempts.jsonl; end is of this start */
    int64_t attempts;
    ac_slurm_jobs slurm;
    const char *state, *stage;
    int64_t done, total, bad; /* of the present stage */
    bool is_import;           /* a cache that no run made: `import` wrote it whole */
} view;

static void
view_free(view *self)
{
    ac_manifest_free(&self->manifest);
    json_decref(self->progress);
    json_decref(self->start);
    json_decref(self->end);
}

/* An ac_json_line. */
static ac_status
take_event(void *context, json_t *event)
{
    view *self = context;
    const char *kind = json_string_value(json_object_get(event, "event"));

    if (kind && strcmp(kind, "start") == 0) {
        json_decref(self->start);
        json_decref(self->end);
        self->start = json_incref(event);
        self->end = NULL;
        self->attempts++;
    } else if (kind && strcmp(kind, "end") == 0) {
        json_decref(self->end);
        self->end = json_incref(event);
    }
    return AC_OK;
}

/* attempts.jsonl, which may be missing. */
static ac_status
read_attempts(view *self)
{
    char *path = NULL;
    ac_status st = ac_path_format(&path, "%s/attempts.jsonl", self->folder);

    if (st == AC_OK)
        st = ac_json_lines_read(path, take_event, self);
    free(path);
    return st;
}

/* The lock of the whole run, or of any part that lives. */
static ac_status
read_locks(view *self)
{
    ac_status st = AC_OK;
    char *path = NULL;
    struct dirent *entry;
    DIR *d = ac_folder_open(self->folder);

    if (!d)
        return ac_error_set(ac_io_failure(errno), "%s: there is no such run folder: %s",
                            self->folder, strerror(errno));
    while (st == AC_OK && !self->holder.alive &&
           (st = ac_folder_next(&entry, d, self->folder)) == AC_OK && entry) {
        const size_t n = strlen(entry->d_name);
        if (strcmp(entry->d_name, "lock") != 0 &&
            (n < 6 || entry->d_name[0] != 'p' || strcmp(entry->d_name + n - 5, "-lock") != 0))
            continue;
        st = ac_path_format(&path, "%s/%s", self->folder, entry->d_name);
        if (st == AC_OK)
            ac_lock_look(&self->holder, path);
        free(path);
        path = NULL;
    }
    closedir(d);
    return st;
}

/* A cache that `import` wrote: whole, or not there. */
static void
look_for_import(view *self)
{
    ac_cache cache = { 0 };

    if (self->has_manifest || self->start || self->slurm.count ||
        ac_cache_open(&cache, self->folder) != AC_OK)
        return;
    self->is_import = true;
    self->done = self->total = cache.entries;
    ac_cache_close(&cache);
}

static ac_status
read_folder(view *self)
{
    ac_status st = AC_OK;
    char *path = NULL;

    AC_TRY(read_locks(self));
    AC_TRY(ac_path_format(&path, "%s/manifest.json", self->folder));
    if (ac_file_is_there(path)) {
        self->has_manifest = ac_manifest_read(&self->manifest, path) ==
                             AC_OK; /* a cache's, or another job's: without stages */
        free(path);
        AC_TRY(ac_path_format(&path, "%s/journal", self->folder));
        if (self->has_manifest)
            AC_TRY(ac_manifest_replay_folder(&self->manifest, path));
    }
    free(path);
    AC_TRY(ac_path_format(&path, "%s/progress.json", self->folder));
    self->progress = json_load_file(path, 0, NULL);
    free(path);
    AC_TRY(ac_path_format(&path, "%s/DONE", self->folder));
    self->done_marker = ac_file_is_there(path);
    AC_TRY(ac_slurm_jobs_read(&self->slurm, self->folder));
    AC_TRY(read_attempts(self));
out:
    free(path);
    return st;
}

static const char *
state_of(const view *self)
{
    const char *last = json_string_value(json_object_get(self->end, "state"));

    if (self->holder.alive)
        return "running";
    if (self->done_marker || self->is_import)
        return "done";
    if (last && strcmp(last, "done") == 0)
        return self->has_manifest ? "parts done"
                                  : "done"; /* a part's end; a job that leaves no DONE */
    if (last)
        return last;
    if (self->start)
        return "killed";
    return self->slurm.count ? "submitted" : "not begun";
}

static bool
has_stage(const ac_manifest *m, const char *name)
{
    for (int s = 0; s < m->stage_count; s++)
        if (strcmp(m->stages[s].name, name) == 0)
            return true;
    return false;
}

/* The first stage that is not done, with the items of its finished shards, and of those that a
 * living run has in flight. Work after the shards' stages (the steps of a training) is only in
 * progress.json. */
static void
count_stages(view *self)
{
    const ac_manifest *m = &self->manifest;
    const char *stage = json_string_value(json_object_get(self->progress, "stage"));
    const int64_t progress = json_integer_value(json_object_get(self->progress, "done"));
    bool beyond;

    self->stage = stage;
    self->done = progress;
    self->total = json_integer_value(json_object_get(self->progress, "total"));
    self->bad = json_integer_value(json_object_get(self->progress, "bad"));
    if (!self->has_manifest)
        return;
    beyond = self->stage && !has_stage(m, self->stage);
    self->bad = 0;
    for (int s = 0; s < m->stage_count; s++) {
        int64_t done = 0, total = 0;
        for (int64_t i = 0; i < m->shard_count; i++) {
            int64_t first, items;
            ac_manifest_shard_items(m, i, &first, &items);
            total += items;
            if (m->stages[s].shards[i].done)
                done += items;
            self->bad += m->stages[s].shards[i].bad;
        }
        if (!beyond && (s == 0 || self->done == self->total)) {
            self->stage = m->stages[s].name;
            self->done = done;
            self->total = total;
        }
    }
    if (self->holder.alive && stage && self->stage && strcmp(stage, self->stage) == 0 &&
        progress > self->done && progress <= self->total)
        self->done = progress;
}

/* Of an updated run that is done: its shards hold what left the input, too. */
static ac_status
count_updated(view *self)
{
    json_t *summary;
    char *path = NULL;
    ac_status st;

    if (!self->has_manifest || !self->manifest.generation_count || !self->done_marker)
        return AC_OK;
    st = ac_path_format(&path, "%s/summary.json", self->folder);
    if (st == AC_OK && (summary = json_load_file(path, 0, NULL))) {
        self->bad = json_integer_value(json_object_get(summary, "bad"));
        self->done = self->total = self->manifest.items;
        json_decref(summary);
    }
    free(path);
    return st;
}

/* Items a second, and the seconds to the end of the stage; negative: not known. */
static void
pace(const view *self, double *rate, double *eta)
{
    const char *stage = json_string_value(json_object_get(self->progress, "stage"));

    *rate = *eta = -1;
    if (!stage || !self->stage || strcmp(stage, self->stage) != 0)
        return;
    *rate = json_number_value(json_object_get(self->progress, "rate"));
    if (self->holder.alive && *rate > 0)
        *eta = (double) (self->total - self->done) / *rate;
}

static const char *
job_of(const view *self)
{
    return self->has_manifest ? self->manifest.job
           : self->is_import  ? "import"
                              : json_string_value(json_object_get(self->start, "job"));
}

static const char *
last_error(const view *self)
{
    const char *message = json_string_value(json_object_get(self->end, "message"));

    return message && *message ? message : NULL;
}

static json_t *
real_or_null(double x)
{
    return x >= 0 ? json_real(x) : json_null();
}

static ac_status
print_json(const view *self, const ac_slurm_queue *queue)
{
    double rate, eta;
    const char *error = last_error(self);
    json_t *stages = json_array(), *root, *jobs = json_array();
    char *text;

    pace(self, &rate, &eta);
    for (int s = 0; self->has_manifest && s < self->manifest.stage_count; s++) {
        int64_t done = 0;
        for (int64_t i = 0; i < self->manifest.shard_count; i++)
            done += self->manifest.stages[s].shards[i].done;
        json_array_append_new(stages, json_pack("{s:s, s:I, s:I}", "name",
                                                self->manifest.stages[s].name, "shards_done",
                                                (json_int_t) done, "shards",
                                                (json_int_t) self->manifest.shard_count));
    }
    for (int i = 0; i < self->slurm.count; i++)
        json_array_append_new(jobs, json_integer(self->slurm.ids[i]));
    root = json_pack(
        "{s:o, s:s?, s:s, s:s?, s:I, s:I, s:I, s:o, s:o, s:s?, s:I, s:o, s:o, s:s}", "run",
        ac_json_text_value(self->folder), "job", job_of(self), "state", self->state, "stage",
        self->stage, "done", (json_int_t) self->done, "total", (json_int_t) self->total, "bad",
        (json_int_t) self->bad, "rate", real_or_null(rate), "eta_seconds", real_or_null(eta),
        "last_error", error, "attempts", (json_int_t) self->attempts, "stages", stages,
        "slurm_jobs", jobs, "slurm", queue->text);
    if (self->holder.alive && root)
        json_object_set_new(root, "holder",
                            json_pack("{s:o, s:I, s:I}", "host",
                                      ac_json_text_value(self->holder.host), "pid",
                                      (json_int_t) self->holder.pid, "seconds_ago",
                                      (json_int_t) self->holder.age));
    text = root ? json_dumps(root, JSON_REAL_PRECISION(9)) : NULL;
    json_decref(root);
    if (!text)
        return ac_error_set(AC_E_NOMEM, "out of memory for the answer");
    ac_terminal_json(text, strlen(text));
    ac_terminal_print("\n");
    free(text);
    return AC_OK;
}

/* A run that ended for its rejected items has named them too. */
static bool
has_bad_items(const char *folder)
{
    char *path = NULL;
    const bool there =
        ac_path_format(&path, "%s/bad_items.jsonl", folder) == AC_OK && ac_file_is_there(path);

    free(path);
    return there;
}

static void
print_lines(const view *self, const ac_slurm_queue *queue)
{
    double rate, eta;
    const char *job = job_of(self);

    pace(self, &rate, &eta);
    ac_terminal_print("%s: %s%s%s\n", self->folder, job ? job : "", job ? ", " : "",
                      self->state);
    if (!self->has_manifest && strcmp(self->state, "not begun") == 0)
        ac_terminal_print(
            "  no run was started in this folder; is it one that holds run folders?\n");
    if (self->is_import)
        ac_terminal_print("  cache      %lld entries\n", (long long) self->total);
    if (self->stage && self->total)
        ac_terminal_print("  stage      %s, %lld of %lld (%.1f %%)\n", self->stage,
                          (long long) self->done, (long long) self->total,
                          100 * (double) self->done / (double) self->total);
    if (rate > 0)
        ac_terminal_print("  rate       %.3g per second\n", rate);
    if (eta >= 0)
        ac_terminal_print("  ETA        %lld:%02lld:%02lld\n", (long long) eta / 3600,
                          (long long) eta / 60 % 60, (long long) eta % 60);
    ac_terminal_print("  rejected   %lld%s\n", (long long) self->bad,
                      !self->bad ? ""
                      : has_bad_items(self->folder)
                          ? " (bad_items.jsonl)"
                          : " (bad_items.jsonl, once the run is done)");
    if (self->holder.alive)
        ac_terminal_print("  running on %s, process %lld, last seen %lld s ago\n",
                          self->holder.host, (long long) self->holder.pid,
                          (long long) self->holder.age);
    if (self->attempts)
        ac_terminal_print("  attempts   %lld\n", (long long) self->attempts);
    if (last_error(self) && !self->done_marker) /* of a run that is done: a refused start */
        ac_terminal_print("  last error %s (exit code %lld)\n", last_error(self),
                          (long long) json_integer_value(json_object_get(self->end, "code")));
    if (self->slurm.count)
        ac_terminal_print("  Slurm      %s\n", queue->text[0] ? queue->text
                                               : queue->answered
                                                   ? "its jobs are no longer in the queue"
                                                   : "Slurm does not answer here");
}

ac_status
ac_command_status(int argc, char **argv)
{
    ac_arguments a = { 0 };
    view v = { 0 };
    ac_slurm_queue queue;
    ac_status st = AC_OK;

    AC_TRY(ac_arguments_parse(&a, options, argc, argv));
    if (a.help) {
        ac_options_help(stdout, "status RUN [--json]",
                        "Shows the progress of a run: state, stage, done of total, rate, ETA, "
                        "rejected items, last error, Slurm jobs.",
                        options);
        goto out;
    }
    if (a.word_count != 1)
        AC_FAIL(AC_E_ARG, "needs one run folder; --help shows the usage");
    v.folder = a.words[0];
    AC_TRY(read_folder(&v));
    count_stages(&v);
    AC_TRY(count_updated(&v));
    look_for_import(&v);
    v.state = state_of(&v);
    ac_slurm_queue_ask(&queue, &v.slurm);
    if (ac_arguments_has(&a, "json"))
        st = print_json(&v, &queue);
    else
        print_lines(&v, &queue);
out:
    view_free(&v);
    ac_arguments_free(&a);
    return st;
}
