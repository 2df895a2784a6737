#include "jobs/cli/commands/submit_script.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/file/file_look.h"
#include "io/file/path.h"
#include "io/file/publish.h"
#include "io/file/text_file.h"
#include "jobs/cli/commands/slurm_script.h"
#include "jobs/cli/terminal.h"

/* caption CONFIG --run RUN --set … as words of the shell. */
static void
push_words(const ac_submit_request *self, ac_buffer *out)
{
    ac_bash_word(out, self->job->name);
    ac_buffer_push_char(out, ' ');
    ac_bash_word(out, self->config_path);
    ac_buffer_push_text(out, " --run ");
    ac_bash_word(out, self->run);
    for (int i = 0; i < self->a->set_count; i++) {
        if (strcmp(self->a->set[i].option->name, "set") != 0)
            continue;
        ac_buffer_push_text(out, " --set ");
        ac_bash_word(out, self->a->set[i].value);
    }
    if (self->config.update)
        ac_buffer_push_text(out, self->config.update == AC_UPDATE_BY_HASH ? " --update=hash"
                                                                          : " --update");
}

static ac_status
push_directive(ac_buffer *out, const char *name, const char *value)
{
    char what[64];
    ac_status st = AC_OK;

    if (!value)
        return AC_OK;
    snprintf(what, sizeof what, "--%s", name);
    ac_buffer_printf(out, "#SBATCH %s=", what);
    st = ac_slurm_value(out, what, value);
    return st == AC_OK ? ac_buffer_push_char(out, '\n') : st;
}

/* The line that asks for memory. */
static ac_status
push_memory(ac_buffer *out, const ac_submit_request *self)
{
    const int64_t megabytes = self->asked >> 20, cpus = self->ranks * self->threads;

    switch ((ac_slurm_memory) self->config.slurm.memory) {
    case AC_SLURM_MEMORY_NODE:
        return ac_buffer_printf(out, "#SBATCH --mem=%lldM", (long long) megabytes);
    case AC_SLURM_MEMORY_PER_CPU:
        return ac_buffer_printf(out, "#SBATCH --mem-per-cpu=%lldM",
                                (long long) ((megabytes + cpus - 1) / cpus));
    case AC_SLURM_MEMORY_NONE: break;
    }
    return ac_buffer_push_text(out, "# slurm.memory: none, so the cluster's default holds");
}

/* The submitter's paths, for a job that gets no variables of theirs (not where a container is
 * entered: its paths are its own); and slurm.setup of the config. */
static ac_status
push_environment(ac_buffer *out, const ac_submit_request *self)
{
    const char *setup = self->config.slurm.setup, *programs = getenv("PATH"),
               *libraries = getenv("LD_LIBRARY_PATH");
    const bool own = !ac_arguments_has(self->a, "program");

    if (own && programs && *programs) { /* behind: what the job has counts */
        ac_buffer_push_text(out, "export PATH=${PATH:+$PATH:}");
        ac_bash_word(out, programs);
        ac_buffer_push_char(out, '\n');
    }
    if (own && libraries && *libraries) { /* in front: with these the program runs */
        ac_buffer_push_text(out, "export LD_LIBRARY_PATH=");
        ac_bash_word(out, libraries);
        ac_buffer_push_text(out, "${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}\n");
    }
    if (setup && *setup)
        ac_buffer_printf(
            out,
            "for file in \"${MODULESHOME:-?}/init/bash\" "
            "/etc/profile.d/{z00_lmod,lmod,modules}.sh; "
            "do # the command module\n"
            "  if ! type module > /dev/null 2>&1 && [ -r \"$file\" ]; then . \"$file\"; fi\n"
            "done\n%s\n",
            setup);
    if (out->status == AC_OK && out->size)
        out->data[--out->size] = '\0'; /* the template ends the line */
    return out->status;
}

/* What the script says of paths, each as the place in it needs it. Starts zeroed. */
typedef struct names {
    ac_buffer run, script, program, done; /* words of bash */
    ac_buffer title, folder, log;         /* values of #SBATCH */
} names;

static void
names_free(names *self)
{
    ac_buffer_free(&self->run);
    ac_buffer_free(&self->script);
    ac_buffer_free(&self->program);
    ac_buffer_free(&self->done);
    ac_buffer_free(&self->title);
    ac_buffer_free(&self->folder);
    ac_buffer_free(&self->log);
}

static ac_status
make_names(names *self, const ac_submit_request *r, const char *path, bool array, bool is_last)
{
    const char *slash = strrchr(r->run, '/');
    char folder[PATH_MAX], *title = NULL, *what = NULL;
    ac_status st = AC_OK;

    if (!getcwd(folder, sizeof folder))
        AC_FAIL(ac_io_failure(errno), "the current folder cannot be determined: %s",
                strerror(errno));
    ac_bash_word(&self->run, r->run);
    ac_bash_word(&self->script, path);
    ac_bash_word(&self->program, r->program);
    ac_bash_word(&self->done, r->run);
    ac_buffer_push_text(&self->done,
                        array ? "/journal/p\"$SLURM_ARRAY_TASK_ID\"-DONE" : "/DONE");
    AC_TRY(ac_path_format(&title, "%s%s-%s", is_last ? "end-" : "", r->job->name,
                          slash ? slash + 1 : r->run));
    ac_slurm_job_name(&self->title, title);
    AC_TRY(ac_path_format(&what, "the run folder %s", r->run));
    AC_TRY(ac_slurm_log_path(&self->log, what, r->run,
                             array ? "slurm-%A_%a.out" : "slurm-%j.out"));
    free(what);
    what = NULL;
    AC_TRY(ac_path_format(&what, "the current folder %s", folder));
    AC_TRY(ac_slurm_value(&self->folder, what, folder));
    AC_TRY(self->run.status);
    AC_TRY(self->script.status);
    AC_TRY(self->program.status);
    AC_TRY(self->done.status);
    AC_TRY(self->title.status);
out:
    free(title);
    free(what);
    return st;
}

/* The script that is there may have been edited: it is kept where the new one is another. */
static ac_status
keep_script(const char *path, const ac_buffer *text)
{
    ac_status st = AC_OK;
    ac_buffer before = { 0 };
    char *kept = NULL;

    if (!ac_file_is_there(path))
        return AC_OK;
    if ((st = ac_text_file_read(path, &before)) == AC_E_NOMEM)
        goto out;
    if (st == AC_OK && before.size == text->size &&
        memcmp(before.data, text->data, text->size) == 0)
        goto out;
    st = AC_OK;
    AC_TRY(ac_path_format(&kept, "%s.before", path));
    if (rename(path, kept) != 0)
        AC_FAIL(ac_io_failure(errno), "%s: cannot be saved as %s: %s", path, kept,
                strerror(errno));
    ac_terminal_print("  saved            %s (the previous script, which differs)\n", kept);
out:
    ac_buffer_free(&before);
    free(kept);
    return st;
}

ac_status
ac_submit_script_make(ac_buffer *out, const ac_submit_request *self, const char *name,
                      ac_submit_part part)
{
    ac_status st = AC_OK;
    const bool array = part == AC_SUBMIT_PARTS, is_last = part == AC_SUBMIT_END;
    ac_buffer words = { 0 }, optional = { 0 }, memory = { 0 }, environment = { 0 };
    char nodes[24], ranks[24], threads[24], range[48], grace[32], *path = NULL;
    names n = { 0 };

    snprintf(nodes, sizeof nodes, "%lld", (long long) self->nodes);
    snprintf(ranks, sizeof ranks, "%lld", (long long) self->ranks);
    snprintf(threads, sizeof threads, "%lld", (long long) self->threads);
    snprintf(grace, sizeof grace, "%lld",
             (long long) (self->config.limits.grace_seconds + 0.999));
    snprintf(range, sizeof range, "0-%lld", (long long) self->array - 1);
    AC_TRY(ac_path_format(&path, "%s/%s", self->run, name));
    AC_TRY(make_names(&n, self, path, array, is_last));
    push_words(self, &words);
    if (array)
        ac_buffer_printf(
            &words, " --set compute.part=\"$SLURM_ARRAY_TASK_ID\" --set compute.parts=%lld",
            (long long) self->array);
    AC_TRY(push_directive(&optional, "time", ac_arguments_get(self->a, "time")));
    AC_TRY(push_directive(&optional, "partition", ac_arguments_get(self->a, "partition")));
    AC_TRY(push_directive(&optional, "array", array ? range : NULL));
    if (!is_last && self->dependency[0]) {
        AC_TRY(push_directive(&optional, "dependency", self->dependency));
        AC_TRY(push_directive(&optional, "kill-on-invalid-dep", "yes"));
    }
    if (optional.size)
        optional.data[--optional.size] = '\0'; /* the template ends the line */
    AC_TRY(words.status);
    AC_TRY(optional.status);
    AC_TRY(push_memory(&memory, self));
    AC_TRY(push_environment(&environment, self));
    {
        const ac_slurm_word list[] = {
            { "JOB", self->job->name },
            { "WHAT", array     ? "one part per task"
                      : is_last ? "the shards that the parts left, and the completion"
                                : "all shards" },
            { "FOLDER", n.folder.data },
            { "RUN", n.run.data },
            { "SCRIPT", n.script.data },
            { "NAME", n.title.data },
            { "NODES", nodes },
            { "RANKS", ranks },
            { "THREADS", threads },
            { "MEMORY", memory.data },
            { "ARRAY", array ? "yes" : "no" },
            { "ENVIRONMENT", environment.size ? environment.data : ":" },
            { "GRACE", grace },
            { "OPTIONAL", optional.data ? optional.data : "#" },
            { "LOG", n.log.data },
            { "ANTARCTIC", n.program.data },
            { "DONE", n.done.data },
            { "WORDS", words.data },
            { NULL, NULL },
        };
        AC_TRY(ac_slurm_script(out, list));
    }
out:
    ac_buffer_free(&words);
    ac_buffer_free(&optional);
    ac_buffer_free(&memory);
    ac_buffer_free(&environment);
    names_free(&n);
    free(path);
    return st;
}

ac_status
ac_submit_script_write(const ac_buffer *text, const ac_submit_request *self, const char *name)
{
    char *path = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_path_format(&path, "%s/%s", self->run, name));
    AC_TRY(keep_script(path, text));
    AC_TRY(ac_publish_file(path, text->data, text->size));
    ac_terminal_print("  script           %s\n", path);
out:
    free(path);
    return st;
}
