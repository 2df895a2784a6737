/* submit: a job's batch script, written into its run folder and given to Slurm. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "io/file/file_look.h"
#include "io/file/path.h"
#include "io/file/publish.h"
#include "jobs/cli/commands/commands.h"
#include "jobs/cli/commands/slurm_script.h"
#include "jobs/cli/commands/submit_estimate.h"
#include "jobs/cli/commands/submit_resources.h"
#include "jobs/cli/commands/submit_script.h"
#include "jobs/cli/job_arguments.h"
#include "jobs/cli/terminal.h"
#include "jobs/job_table.h"
#include "jobs/runtime/done.h"
#include "jobs/runtime/manifest.h"
#include "jobs/runtime/run.h"

enum { ENDING_SECONDS = 120 };

static const ac_option options[] = {
    { "run", 0, "DIR", "the run folder (default: runs/JOB-CONFIGNAME)" },
    { "set", 0, "KEY=VALUE", "set a key of the config; may be repeated" },
    { "nodes", 0, "N", "nodes (default: 1)" },
    { "ranks-per-node", 0, "R",
      "ranks per node (default: one for each 8 cores, fewer where memory asks for it)" },
    { "time", 0, "T",
      "time limit in sbatch's format (30, 8:00:00, 2-12:00:00); at the limit the job is "
      "requeued and the run resumes" },
    { "partition", 0, "P", "partition" },
    { "after", 0, "RUN", "start once that run, already submitted, is done" },
    { "array", 0, "N",
      "N jobs, each with its own part of the shards, and a last job that completes the run" },
    { "update", 0, "[=hash]",
      "the images changed: the job is started with --update (antarctic JOB --help)" },
    { "program", 0, "FILE",
      "start this in place of antarctic on each rank: a script that enters a container" },
    { "dry-run", 0, NULL,
      "write the script, show the resources and how long the job will take; submit nothing" },
    { "sample", 0, "N",
      "with --dry-run: estimate the time from N images, computed here in at most a minute "
      "(default: 64; 0: no estimate)" },
    { NULL, 0, NULL, NULL },
};

static void
request_free(ac_submit_request *self)
{
    ac_config_free(&self->config);
    free(self->config_path);
    free(self->run);
    free(self->program);
}

static ac_status
absolute_path(char **out, const char *path)
{
    char folder[4096];

    if (path[0] == '/')
        return ac_duplicate(out, path, strlen(path));
    if (!getcwd(folder, sizeof folder))
        return ac_error_set(ac_io_failure(errno), "the current folder cannot be determined: %s",
                            strerror(errno));
    return ac_path_format(out, "%s/%s", folder, path);
}

static ac_status
has_file(bool *out, const char *folder, const char *name)
{
    char *path = NULL;
    const ac_status st = ac_path_format(&path, "%s/%s", folder, name);

    *out = path && ac_file_is_there(path);
    free(path);
    return st;
}

/* The Slurm job that ends the run submitted before: the last of its jobs.jsonl. A run that is
 * done is not waited for; one that is neither done nor in the queue never will be done. */
static ac_status
find_dependency(ac_submit_request *self, const char *after)
{
    ac_status st = AC_OK;
    ac_slurm_jobs jobs = { 0 };
    ac_slurm_queue queue;
    bool done = false;

    AC_TRY(has_file(&done, after, "DONE"));
    if (done)
        goto out;
    AC_TRY(ac_slurm_jobs_read(&jobs, after));
    if (jobs.last_submitted == 0)
        AC_FAIL(
            AC_E_ARG,
            "--after %s: that run is not done, and was not submitted (it has no jobs.jsonl)",
            after);
    ac_slurm_queue_ask(&queue, &jobs);
    AC_TRY(has_file(&done, after, "DONE")); /* it may have ended just now */
    if (done)
        goto out;
    if (queue.answered && !queue.text[0])
        AC_FAIL(AC_E_ARG,
                "--after %s: that run is not done, and its job %lld is no longer in the queue; "
                "antarctic status tells why. "
                "Submit it again first",
                after, (long long) jobs.last_submitted);
    snprintf(self->dependency, sizeof self->dependency, "afterok:%lld",
             (long long) jobs.last_submitted);
out:
    return st;
}

/* A run that was begun before must have begun with these settings, and must not be in the queue
 * already; a job that was cancelled and is just ending is waited for. *done: nothing is left to
 * do. */
static ac_status
check_run(const ac_submit_request *self, bool *done)
{
    ac_status st = AC_OK;
    ac_manifest manifest = { 0 };
    ac_slurm_jobs jobs = { 0 };
    ac_slurm_queue queue;
    char *path = NULL;

    AC_TRY(ac_path_format(&path, "%s/manifest.json", self->run));
    if (ac_file_is_there(path) &&
        ac_manifest_read(&manifest, path) == AC_OK) /* a cache's manifest tells no config */
        AC_TRY(ac_run_check_config(self->run, &manifest, &self->config, self->job->name));
    if (!self->config.update) /* an update finds out by itself what is left to do */
        AC_TRY(has_file(done, self->run, "DONE"));
    if (*done &&
        (st = ac_done_check(self->run)) != AC_OK) { /* damaged since: it is made again */
        ac_terminal_print("%s\n", ac_error_message());
        *done = false;
    }
    if (st == AC_E_NOMEM)
        goto out;
    AC_TRY(ac_slurm_jobs_read(&jobs, self->run));
    ac_slurm_queue_ask(&queue, &jobs);
    for (int i = 0; !*done && queue.text[0] && !queue.waiting && i < ENDING_SECONDS;
         i++) { /* its ranks would refuse the new ones */
        if (i == 0) {
            ac_terminal_print("waiting for the previous job to end: %s\n", queue.text);
            fflush(stdout);
        }
        sleep(1);
        ac_slurm_queue_ask(&queue, &jobs);
    }
    if (!*done && queue.text[0])
        AC_FAIL(
            AC_E_ARG,
            "%s: this run is in Slurm's queue already: %s; let it continue, or end it first "
            "(scancel)",
            self->run, queue.text);
out:
    ac_manifest_free(&manifest);
    free(path);
    return st;
}

/* Give RUN/name to sbatch; its job's number goes to jobs.jsonl. */
static ac_status
submit_script(const ac_submit_request *self, const char *name, const char *dependency,
              long long *id)
{
    ac_status st = AC_OK;
    ac_buffer command = { 0 };
    char *path = NULL, line[1024] = "", said[1024] = "";
    FILE *f;
    int code;

    AC_TRY(ac_path_format(&path, "%s/%s", self->run, name));
    ac_buffer_printf(&command, "timeout 60 sbatch --parsable %s ", dependency);
    ac_shell_word(&command, path);
    AC_TRY(ac_buffer_push_text(&command, " 2>&1"));
    fflush(stdout);
    if (!(f = popen(command.data, "r")))
        AC_FAIL(ac_io_failure(errno), "sbatch cannot be started: %s", strerror(errno));
    while (fgets(line, sizeof line, f))
        snprintf(said, sizeof said, "%s", line);
    said[strcspn(said, "\n")] = '\0';
    code = pclose(f);
    if (WIFEXITED(code) && WEXITSTATUS(code) == 127)
        AC_FAIL(AC_E_IO,
                "sbatch is not on this machine: submit on a login node of the cluster, or take "
                "the script there: sbatch %s",
                path);
    if (WIFEXITED(code) && WEXITSTATUS(code) == 124)
        AC_FAIL(AC_E_RETRY,
                "%s: Slurm did not answer within a minute; squeue shows whether the job was "
                "accepted",
                path);
    if (code != 0 || sscanf(said, "%lld", id) != 1)
        AC_FAIL(AC_E_IO, "%s: sbatch refused it: %s%s", path, *said ? said : "it said nothing",
                strstr(said, "emory") ? " (slurm.memory: per-cpu or none asks otherwise)" : "");
    free(path);
    AC_TRY(ac_path_format(&path, "%s/jobs.jsonl", self->run));
    if (!(f = fopen(path, "a")) || fprintf(f,
                                           "{\"event\": \"submit\", \"slurm_job\": %lld, "
                                           "\"script\": \"%s\", \"time\": %lld}\n",
                                           *id, name, (long long) time(NULL)) < 0)
        st = ac_error_set(ac_io_failure(errno),
                          "job %lld is submitted, but %s cannot be written: %s", *id, path,
                          strerror(errno));
    if (f && fclose(f) != 0 && st == AC_OK)
        st = ac_error_set(ac_io_failure(errno),
                          "job %lld is submitted, but %s cannot be written: %s", *id, path,
                          strerror(errno));
out:
    ac_buffer_free(&command);
    free(path);
    return st;
}

/* sbatch takes options from its environment, and these before the script's own. What the script
 * says must stay; all else (SBATCH_ACCOUNT, SBATCH_QOS, …) is the user's choice. */
static void
forget_clashes(const ac_submit_request *self)
{
    static const char *const always[] = {
        "SBATCH_ARRAY_INX", "SBATCH_JOB_NAME",      "SBATCH_NO_REQUEUE",   "SBATCH_OPEN_MODE",
        "SBATCH_OUTPUT",    "SBATCH_ERROR",         "SBATCH_INPUT",        "SBATCH_SIGNAL",
        "SBATCH_WAIT",      "SBATCH_TRES_PER_TASK", "SBATCH_CPUS_PER_GPU", "SLURM_HINT"
    };
    static const char *const memory[] = { "SBATCH_MEM_PER_NODE", "SBATCH_MEM_PER_CPU",
                                          "SBATCH_MEM_PER_GPU" };

    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        unsetenv(always[i]);
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++)
        if (self->config.slurm.memory != AC_SLURM_MEMORY_NONE)
            unsetenv(memory[i]);
    if (ac_arguments_has(self->a, "time"))
        unsetenv("SBATCH_TIMELIMIT");
    if (ac_arguments_has(self->a, "partition"))
        unsetenv("SBATCH_PARTITION");
}

/* Submit what was written, and say what to watch. */
static ac_status
submit_all(const ac_submit_request *self)
{
    ac_status st = AC_OK;
    ac_buffer run = { 0 };
    char dependency[160];
    long long id, last;

    forget_clashes(self);
    AC_TRY(submit_script(self, "job.sbatch", "", &id));
    if (self->array) {
        /* afterany: whatever a part did not do, the last job does */
        snprintf(dependency, sizeof dependency,
                 "--dependency=afterany:%lld --kill-on-invalid-dep=yes", id);
        AC_TRY(submit_script(self, "end.sbatch", dependency, &last));
        ac_terminal_print(
            "submitted: job %lld (%lld parts), then job %lld, which completes the run\n", id,
            (long long) self->array, last);
    } else {
        ac_terminal_print("submitted: job %lld%s%s\n", id,
                          self->dependency[0] ? ", to begin " : "", self->dependency);
    }
    ac_bash_word(&run, self->run);
    AC_TRY(run.status);
    ac_terminal_print("watch:     antarctic status %s\n", run.data);
    ac_terminal_print("           tail -f %s/slurm-%lld%s.out\n", run.data, id,
                      self->array ? "_0" : "");
out:
    ac_buffer_free(&run);
    return st;
}

/* Of a dry run. */
static ac_status
tell_how_to_submit(const ac_submit_request *self)
{
    ac_buffer run = { 0 };
    ac_status st = AC_OK;

    ac_bash_word(&run, self->run);
    AC_TRY(run.status);
    ac_terminal_print(
        "nothing is submitted (--dry-run); submit it with: sbatch %s/job.sbatch\n", run.data);
    if (self->array)
        ac_terminal_print(
            "and then, with that job's number: sbatch --dependency=afterany:NUMBER "
            "--kill-on-invalid-dep=yes %s/end.sbatch\n",
            run.data);
out:
    ac_buffer_free(&run);
    return st;
}

/* All of them, before the run folder is made: what a script cannot say is refused first. */
static ac_status
write_scripts(const ac_submit_request *self)
{
    ac_buffer job = { 0 }, end = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_submit_script_make(&job, self, "job.sbatch",
                                 self->array ? AC_SUBMIT_PARTS : AC_SUBMIT_WHOLE));
    if (self->array)
        AC_TRY(ac_submit_script_make(&end, self, "end.sbatch", AC_SUBMIT_END));
    AC_TRY(ac_run_make_folder(self->run));
    AC_TRY(ac_submit_script_write(&job, self, "job.sbatch"));
    if (self->array)
        AC_TRY(ac_submit_script_write(&end, self, "end.sbatch"));
out:
    ac_buffer_free(&job);
    ac_buffer_free(&end);
    return st;
}

/* AC_E_ARG that names the jobs which are done in parts. */
static ac_status
refuse_parts(const ac_job *wanted)
{
    ac_buffer names = { 0 };
    ac_status st;

    for (const ac_job *const *job = ac_job_table; *job; job++)
        if ((*job)->parts)
            ac_buffer_printf(&names, "%s%s", names.size ? ", " : "", (*job)->name);
    st = names.status == AC_OK
             ? ac_error_set(AC_E_ARG, "--array: %s is not done in parts (these are: %s)",
                            wanted->name, names.data ? names.data : "none")
             : names.status;
    ac_buffer_free(&names);
    return st;
}

static ac_status
read_request(ac_submit_request *self)
{
    const ac_arguments *a = self->a;
    char link[4096];
    ssize_t n;
    char *run = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_job_config_read(&self->config, a, 1));
    AC_TRY(ac_config_check(&self->config, self->job->name));
    AC_TRY(ac_arguments_int(a, "nodes", &self->nodes, 1, 100000));
    AC_TRY(ac_arguments_int(a, "ranks-per-node", &self->ranks, 1, 4096));
    AC_TRY(ac_arguments_int(a, "array", &self->array, 2, 4000));
    if (self->array && !self->job->parts)
        AC_TRY(refuse_parts(self->job));
    if (ac_arguments_has(a, "update"))
        AC_TRY(ac_job_update_word(&self->config, ac_arguments_get(a, "update"), self->job));
    if (self->array && self->config.update)
        AC_TRY(ac_job_update_refuse_parts("--update with --array", self->array));
    AC_TRY(ac_job_run_folder(&run, self->job, a, 1));
    AC_TRY(absolute_path(&self->run, run));
    AC_TRY(absolute_path(&self->config_path, a->words[1]));
    if (ac_arguments_has(a, "program")) {
        AC_TRY(absolute_path(&self->program, ac_arguments_get(a, "program")));
    } else {
        n = readlink("/proc/self/exe", link, sizeof link - 1);
        link[n > 0 ? n : 0] = '\0';
        AC_TRY(ac_duplicate(&self->program, link, strlen(link)));
    }
out:
    free(run);
    return st;
}

/* Parts share a cache: a text file would be built by each of them. */
static ac_status
check_array(const ac_submit_request *self)
{
    ac_texts paths = { 0 };
    struct stat info;
    char *path = NULL;
    ac_status st = AC_OK;

    if (!self->array || !self->config.cache.path ||
        !ac_config_has(self->job->name, "cache.path"))
        return AC_OK;
    AC_TRY(ac_config_paths(self->config.cache.path, &paths));
    for (int64_t i = 0; i < paths.count; i++) {
        free(path);
        AC_TRY(ac_duplicate(&path, ac_texts_at(&paths, i), ac_texts_size(&paths, i)));
        if (ac_file_stat(path, &info) == 0 && !S_ISDIR(info.st_mode))
            AC_FAIL(AC_E_ARG,
                    "--array: cache.path %s is a text file; build a cache of it first "
                    "(antarctic submit build-cache), name that in "
                    "the config, and chain the two with --after",
                    path);
    }
out:
    ac_texts_free(&paths);
    free(path);
    return st;
}

ac_status
ac_command_submit(int argc, char **argv)
{
    ac_arguments a = { 0 };
    ac_submit_request r = { .a = &a, .nodes = 1 };
    int64_t sample = AC_ESTIMATE_ITEMS;
    bool done = false;
    ac_status st = AC_OK;

    AC_TRY(ac_arguments_parse(&a, options, argc, argv));
    if (a.help) {
        ac_options_help(
            stdout, "submit JOB CONFIG.yaml [options]",
            "Writes a job's batch script into its run folder and submits it to Slurm.",
            options);
        goto out;
    }
    if (a.word_count != 2)
        AC_FAIL(AC_E_ARG, "needs a job and its config file; --help shows the usage");
    r.job = ac_job_find(a.words[0]);
    if (!r.job)
        AC_FAIL(AC_E_ARG, "\"%s\" is no job; antarctic help lists them", a.words[0]);
    AC_TRY(ac_arguments_int(&a, "sample", &sample, 0, 1000000));
    if (ac_arguments_has(&a, "sample") && !ac_arguments_has(&a, "dry-run"))
        AC_FAIL(AC_E_ARG, "--sample goes with --dry-run: it is for the estimate");
    AC_TRY(read_request(&r));
    AC_TRY(check_array(&r));
    if (ac_arguments_has(&a, "after"))
        AC_TRY(find_dependency(&r, ac_arguments_get(&a, "after")));
    AC_TRY(ac_config_check_paths(&r.config, r.job->name, r.dependency[0] != '\0'));
    AC_TRY(check_run(&r, &done));
    if (done) {
        ac_terminal_print(
            "%s%s\n", r.run,
            r.job->preview ? ": this run is done, and nothing is submitted; --update computes "
                             "images that are new or changed; for other settings give --run "
                             "another folder"
                           : ": this run is done, and nothing is submitted; for other "
                             "settings or images give --run another folder");
        goto out;
    }
    ac_terminal_print("%s into %s\n", r.job->name, r.run);
    AC_TRY(ac_submit_resources_find(&r));
    AC_TRY(write_scripts(&r));
    if (ac_arguments_has(&a, "dry-run")) {
        AC_TRY(ac_submit_estimate(&r, sample));
        st = tell_how_to_submit(&r);
    } else {
        st = submit_all(&r);
    }
out:
    request_free(&r);
    ac_arguments_free(&a);
    return st;
}
