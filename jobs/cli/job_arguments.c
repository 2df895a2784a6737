#include "jobs/cli/job_arguments.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "io/file/path.h"

static bool
is_yaml(const char *word)
{
    return ac_text_ends_with(word, ".yaml") || ac_text_ends_with(word, ".yml");
}

/* What is no config may be the images themselves. */
static ac_status
read_config(ac_config *config, const char *path)
{
    const ac_status st = ac_config_read(config, path);

    return st == AC_E_ARG && !is_yaml(path)
               ? ac_error_set(st,
                              "%s (a job takes a config file, NAME.yaml, in which input.path "
                              "names its input)",
                              ac_error_message())
               : st;
}

ac_status
ac_job_config_read(ac_config *config, const ac_arguments *a, int word)
{
    ac_status st = AC_OK;

    AC_TRY(ac_config_init(config));
    if (a->word_count > word)
        AC_TRY(read_config(config, a->words[word]));
    for (int i = 0; i < a->set_count; i++)
        if (strcmp(a->set[i].option->name, "set") == 0)
            AC_TRY(ac_config_set(config, a->set[i].value));
out:
    return st;
}

/* --run, or what is short for it; both are too many. NULL: neither was given. */
static ac_status
given_folder(const char **given, const ac_job *job, const ac_arguments *a)
{
    *given = ac_arguments_get(a, "run");
    for (const ac_short_form *s = job->short_forms; s && s->option; s++) {
        const char *value = s->key ? NULL : ac_arguments_get(a, s->option);
        if (value && *given)
            return ac_error_set(AC_E_ARG, "--run and --%s are the same: give one", s->option);
        *given = value ? value : *given;
    }
    return *given && !**given ? ac_error_set(AC_E_ARG, "--run needs the name of a folder")
                              : AC_OK;
}

ac_status
ac_job_run_folder(char **out, const ac_job *job, const ac_arguments *a, int word)
{
    const char *given, *config = a->word_count > word ? a->words[word] : NULL;
    const char *slash = config ? strrchr(config, '/') : NULL,
               *base = slash ? slash + 1 : config;
    const char *dot = base ? strrchr(base, '.') : NULL;
    ac_status st;

    AC_TRY(given_folder(&given, job, a));
    if (given)
        return ac_path_format(out, "%s", given);
    if (!config)
        return ac_path_format(out, "runs/%s", job->name);
    if (strlen(job->name) + 1 + (dot ? (size_t) (dot - base) : strlen(base)) > NAME_MAX)
        return ac_error_set(AC_E_ARG,
                            "%s: this name is too long for a run folder that is called after "
                            "it: give --run DIR",
                            config);
    st = ac_path_format(out, "runs/%s-%.*s", job->name,
                        dot ? (int) (dot - base) : (int) strlen(base), base);
out:
    return st;
}

/* Configs first, then what belongs to that option. */
static ac_status
part_words(ac_arguments *a, const char *option, const char *job)
{
    const char **more = NULL;
    int kept = 0, n = 0;
    ac_status st = ac_alloc(&more, a->word_count, sizeof *more);

    if (st != AC_OK)
        return st;
    for (int i = 0; i < a->word_count; i++)
        if (is_yaml(a->words[i]))
            a->words[kept++] = a->words[i];
        else
            more[n++] = a->words[i];
    if (n)
        memcpy(a->words + kept, more, (size_t) n * sizeof *more);
    a->word_count = kept;
    a->more_words = n;
    free(more);
    if (n && !ac_arguments_get(a, option))
        return ac_error_set(AC_E_ARG, "%s takes one config file (.yaml), and \"%s\" is none",
                            job, a->words[kept]);
    return AC_OK;
}

ac_status
ac_job_word_take(const char **value, const ac_job *job, ac_arguments *a)
{
    int kept = 0;

    *value = NULL;
    if (job->several)
        return part_words(a, job->several, job->name);
    for (int i = 0; i < a->word_count; i++) {
        const char *word = a->words[i];
        if (!job->word || is_yaml(word))
            a->words[kept++] = word;
        else if (*value)
            return ac_error_set(AC_E_ARG, "%s takes one %s, and \"%s\" is a second one",
                                job->name, job->word, word);
        else
            *value = word;
    }
    a->word_count = kept;
    return AC_OK;
}

static ac_status
set_key(ac_config *config, const char *key, const char *value)
{
    ac_buffer text = { 0 };
    ac_status st = ac_buffer_printf(&text, "%s=%s", key, value);

    if (st == AC_OK)
        st = ac_config_set(config, text.data);
    ac_buffer_free(&text);
    return st;
}

ac_status
ac_job_short_apply(ac_config *config, const ac_job *job, const ac_arguments *a,
                   const char *word)
{
    ac_buffer value = { 0 };
    ac_status st = AC_OK;

    if (word) /* a folder may be called so; of a key it would be the word for "nothing" */
        AC_TRY(set_key(config, job->word, strcmp(word, "none") == 0 ? "./none" : word));
    for (const ac_short_form *s = job->short_forms; s && s->option; s++)
        if (s->key && ac_arguments_get(a, s->option)) {
            const bool takes_words = job->several && strcmp(job->several, s->option) == 0;
            ac_buffer_reset(&value);
            ac_buffer_push_text(&value, s->argument ? ac_arguments_get(a, s->option) : "true");
            for (int i = 0; takes_words && i < a->more_words; i++)
                ac_buffer_printf(&value, ",%s", a->words[a->word_count + i]);
            AC_TRY(value.status);
            AC_TRY(set_key(config, s->key, value.data));
        }
out:
    ac_buffer_free(&value);
    return st;
}

ac_status
ac_job_update_refuse_parts(const char *given, int64_t parts)
{
    return ac_error_set(
        AC_E_ARG,
        "%s %lld: the parts of a run start by themselves, and each would compare the input "
        "with "
        "the run and number the new images; make the update as one job, on as many nodes and "
        "ranks as you like",
        given, (long long) parts);
}

ac_status
ac_job_update_word(ac_config *config, const char *by, const ac_job *job)
{
    if (!job->preview)
        return ac_error_set(AC_E_ARG, "%s takes no --update: %s", job->name,
                            job->no_update ? job->no_update
                                           : "its runs are made once, of one input");
    if (*by && strcmp(by, "hash") != 0)
        return ac_error_set(AC_E_ARG, "--update=%s: it is --update or --update=hash", by);
    if (config->compute.parts > 1)
        return ac_job_update_refuse_parts("--update with compute.parts:",
                                          config->compute.parts);
    config->update = *by ? AC_UPDATE_BY_HASH : AC_UPDATE_BY_STAMP;
    return AC_OK;
}

ac_status
ac_job_update_read(ac_config *config, const ac_arguments *a, const ac_job *job)
{
    const char *by = ac_arguments_get(a, "update");

    if (by)
        return ac_job_update_word(config, by, job);
    return ac_arguments_has(a, "dry-run")
               ? ac_error_set(AC_E_ARG,
                              "--dry-run goes with --update: it shows what an update would do")
               : AC_OK;
}

ac_status
ac_job_sample_read(ac_config *config, const ac_arguments *a, const ac_job *job)
{
    if (!ac_arguments_has(a, "sample"))
        return AC_OK;
    if (!job->preview)
        return ac_error_set(AC_E_ARG,
                            "%s takes no --sample: it is for jobs that do one image after the "
                            "other (caption, tag, embed-images)",
                            job->name);
    if (config->update)
        return ac_error_set(AC_E_ARG, "--sample makes a run of its own, and no --update");
    return ac_arguments_int(a, "sample", &config->sample, 1, 1000000);
}
