/* The command retell: captions of a run of story continued again, each by itself, with other
 * settings if wanted. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/kernels/kernel_set.h"
#include "io/file/json_write.h"
#include "io/file/path.h"
#include "jobs/cli/commands/commands.h"
#include "jobs/cli/options.h"
#include "jobs/cli/tools/tools.h"
#include "jobs/job_table.h"
#include "jobs/runtime/run_view.h"
#include "jobs/story/settings.h"
#include "jobs/story/stage.h"
#include "jobs/story/template.h"

static const ac_option options[] = {
    { "set", 0, "KEY=VALUE",
      "change a key of the run's config (generation.…, story.…, seed); may be repeated" },
    { "probe", 0, NULL, "continue another caption first, to test model and machine" },
    { "threads", 0, "N", "threads (default: compute.threads, else the machine's cores)" },
    { NULL, 0, NULL, NULL },
};

typedef struct reteller {
    ac_config config;
    ac_causal_model model;
    ac_story_captions captions;
    ac_story_ranker ranker;
    ac_story_work work;
    ac_buffer line;
} reteller;

static void
reteller_free(reteller *self)
{
    ac_causal_model_free(&self->model);
    ac_story_captions_free(&self->captions);
    ac_story_ranker_free(&self->ranker);
    ac_config_free(&self->config);
    ac_buffer_free(&self->line);
}

static ac_status
read_config(reteller *self, const char *folder, const ac_arguments *a)
{
    ac_run_view run = { 0 };
    char *path = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_run_view_open(&run, folder, ac_job_table));
    if (strcmp(run.manifest.job, "story") != 0)
        AC_FAIL(AC_E_ARG, "%s: a run of the job %s; retell needs one of story", folder,
                run.manifest.job);
    AC_TRY(ac_path_format(&path, "%s/config.yaml", folder));
    AC_TRY(ac_config_init(&self->config));
    AC_TRY(ac_config_read(&self->config, path));
    for (int i = 0; i < a->set_count; i++)
        if (strcmp(a->set[i].option->name, "set") == 0)
            AC_TRY(ac_config_set(&self->config, a->set[i].value));
    st = ac_story_template_check(self->config.story.prompt, self->config.story.system);
out:
    free(path);
    ac_run_view_close(&run);
    return st;
}

static ac_status
open_models(reteller *self, int64_t threads)
{
    const ac_config *config = &self->config;
    const ac_causal_options o = { .model = config->story.model,
                                  .compute = ac_config_compute(config),
                                  .need_tokenizer = true };
    ac_status st = AC_OK;

    ac_compute_init((int) threads);
    AC_TRY(ac_kernels_use(ac_kernel_set_names[config->compute.kernels]));
    AC_TRY(ac_causal_model_open(&self->model, &o));
    AC_TRY(ac_story_set_generation(&self->model, config));
    self->work = (ac_story_work){ .model = &self->model, .captions = &self->captions };
    if (!config->story.rank)
        return AC_OK;
    AC_TRY(ac_story_ranker_open_all(&self->ranker, NULL, config));
    self->work.ranker = &self->ranker;
out:
    return st;
}

/* Of a caption that no run has. */
static ac_status
tell_probe(reteller *self)
{
    ac_story_captions one = { 0 };
    ac_story_work work = self->work;
    ac_item_status status;
    ac_status st = AC_OK;

    work.captions = &one;
    work.ranker = NULL;
    AC_TRY(ac_texts_push(&one.keys, "probe", 5));
    AC_TRY(ac_texts_push(&one.captions, "a", 1));
    AC_TRY(ac_texts_push(&one.tables, "", 0));
    AC_TRY(ac_story_tell_one(&work, &self->config, 0, &self->line, &status));
    if (status.reason != AC_GOOD)
        AC_FAIL(AC_E_ARG, "%s", status.detail);
    self->line.size--; /* its end of line */
    ac_json_put(&self->line);
out:
    ac_story_captions_free(&one);
    return st;
}

static ac_status
put_error(reteller *self, const char *key, const char *why)
{
    ac_buffer_reset(&self->line);
    ac_buffer_push_text(&self->line, "{\"key\": ");
    ac_json_text(&self->line, key);
    ac_buffer_push_text(&self->line, ", \"error\": ");
    ac_json_text(&self->line, why);
    ac_buffer_push_char(&self->line, '}');
    if (self->line.status == AC_OK)
        ac_json_put(&self->line);
    return self->line.status;
}

static int64_t
find(const ac_texts *keys, const char *key)
{
    for (int64_t i = 0; i < keys->count; i++)
        if (ac_texts_is(keys, i, key, strlen(key)))
            return i;
    return -1;
}

static ac_status
tell_keys(reteller *self, const char *const *keys, int n)
{
    int missing = 0;
    ac_status st = AC_OK;

    for (int k = 0; k < n; k++) {
        const int64_t item = find(&self->captions.keys, keys[k]);
        ac_item_status status = { 0 };
        if (item >= 0)
            AC_TRY(ac_story_tell_one(&self->work, &self->config, item, &self->line, &status));
        if (item < 0 || status.reason != AC_GOOD) {
            missing++;
            AC_TRY(
                put_error(self, keys[k], item < 0 ? "no caption has this key" : status.detail));
            continue;
        }
        self->line.size--; /* its end of line */
        ac_json_put(&self->line);
    }
    if (missing)
        st = ac_error_set(AC_E_ARG, "%d of %d captions could not be continued", missing, n);
out:
    return st;
}

ac_status
ac_command_retell(int argc, char **argv)
{
    ac_arguments a = { 0 };
    reteller r = { 0 };
    int64_t threads;
    ac_status st = AC_OK;

    AC_TRY(ac_arguments_parse(&a, options, argc, argv));
    if (a.help) {
        ac_options_help(stdout, "retell RUN KEY… [--set KEY=VALUE]…",
                        "Continues captions of a run of story again, one at a time, and prints "
                        "JSON lines. The run itself is not changed.",
                        options);
        goto out;
    }
    if (a.word_count < 1 || (a.word_count == 1 && !ac_arguments_has(&a, "probe")))
        AC_FAIL(AC_E_ARG,
                "a run folder and the keys of captions are needed: antarctic retell RUN KEY…");
    AC_TRY(read_config(&r, a.words[0], &a));
    AC_TRY(ac_story_captions_read(&r.captions, r.config.input.path));
    threads =
        r.config.compute.threads ? r.config.compute.threads : sysconf(_SC_NPROCESSORS_ONLN);
    AC_TRY(ac_arguments_int(&a, "threads", &threads, 1, 4096));
    AC_TRY(open_models(&r, threads));
    if (ac_arguments_has(&a, "probe"))
        AC_TRY(tell_probe(&r));
    st = tell_keys(&r, a.words + 1, a.word_count - 1);
out:
    reteller_free(&r);
    ac_arguments_free(&a);
    return st;
}
