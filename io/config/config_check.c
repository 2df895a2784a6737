/* What a job asks of its config: which keys, and that the files are there. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/config/config.h"
#include "engine/base/memory.h"
#include "io/config/config_values.h"
#include "io/file/file_look.h"
#include "io/file/path_set.h"
#include "io/file/publish.h"

const ac_config_job *
ac_config_job_find(const char *name)
{
    for (const ac_config_job *job = ac_config_jobs; job->name; job++)
        if (strcmp(job->name, name) == 0)
            return job;
    ac_bug(__FILE__, __LINE__, "the job %s has no row in io/config/config_keys.c", name);
}

static bool
is_listed(const char *name, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(*list, name) == 0)
            return true;
    return false;
}

bool
ac_config_job_has(const ac_config_job *job, const ac_config_key *k)
{
    for (const char *const *name = job->keys; *name; name++) {
        const size_t n = strlen(*name);
        const bool is_section = !strchr(*name, '.');
        if (strncmp(k->name, *name, n) == 0 &&
            (k->name[n] == '\0' || (is_section && k->name[n] == '.')))
            return true;
    }
    return false;
}

bool
ac_config_has(const char *job, const char *name)
{
    const ac_config_key *k = NULL;

    return ac_config_key_find(&k, name, "") == AC_OK &&
           ac_config_job_has(ac_config_job_find(job), k);
}

const char *
ac_config_key_meaning(const ac_config_job *job, const ac_config_key *key)
{
    return job && job->input && strcmp(key->name, "input.path") == 0 ? job->input : key->help;
}

int
ac_config_needed(const char *job, const char *names[], const char *meanings[])
{
    int n = 0;

    for (const char *const *name = ac_config_job_find(job)->needed; *name; name++) {
        const ac_config_key *k = NULL;
        AC_CHECK(ac_config_key_find(&k, *name, "") == AC_OK);
        names[n] = k->name;
        meanings[n++] = ac_config_key_meaning(ac_config_job_find(job), k);
    }
    return n;
}

static const char *
path_of(const ac_config *self, const char *name, const char *part)
{
    const ac_config_key *k = NULL;
    char whole[64];

    snprintf(whole, sizeof whole, "%s%s", name, part);
    return ac_config_key_find(&k, whole, "") == AC_OK ? *(char **) ac_config_place(self, k)
                                                      : NULL;
}

/* Captioned images: a folder, or annotations and images: one of both, and whole. */
static ac_status
check_captioned(const ac_config *self, const char *job, const char *name, const char *meaning)
{
    const char *folder = path_of(self, name, ""),
               *annotations = path_of(self, name, ".annotations"),
               *images = path_of(self, name, ".images");

    if (folder && (annotations || images))
        return ac_error_set(
            AC_E_ARG,
            "%s is given as a path and as {annotations, images}: give one (the other: none)",
            name);
    if (!folder && !annotations && !images)
        return ac_error_set(AC_E_ARG,
                            "%s needs %s (%s): give it in the config, or with --set %s=…", job,
                            name, meaning, name);
    if (!folder && !(annotations && images))
        return ac_error_set(AC_E_ARG, "%s needs both annotations and images", name);
    return AC_OK;
}

/* A key that has two forms, a path or {annotations, images}, has keys of these names below it.
 */
static bool
has_two_forms(const ac_config_job *job, const char *name)
{
    const size_t n = strlen(name);

    for (size_t i = 0; i < ac_config_key_count; i++)
        if (strncmp(ac_config_keys[i].name, name, n) == 0 &&
            strcmp(ac_config_keys[i].name + n, ".annotations") == 0)
            return ac_config_job_has(job, &ac_config_keys[i]);
    return false;
}

ac_status
ac_config_check(const ac_config *self, const char *job)
{
    ac_status st = AC_OK;

    for (const char *const *name = ac_config_job_find(job)->needed; *name; name++) {
        const ac_config_key *k = NULL;
        AC_TRY(ac_config_key_find(&k, *name, ""));
        if (has_two_forms(ac_config_job_find(job), *name))
            AC_TRY(check_captioned(self, job, *name, k->help));
        else if (!*(char **) ac_config_place(self, k))
            AC_FAIL(AC_E_ARG, "%s needs %s (%s): give it in the config, or with --set %s=…",
                    job, k->name, ac_config_key_meaning(ac_config_job_find(job), k), k->name);
    }
    if (self->compute.precision == AC_PRECISION_INT8 && strcmp(job, "train") == 0)
        AC_FAIL(AC_E_ARG,
                "compute.precision: int8 is not for train: a gradient through rounded "
                "numbers is not the loss's; train with fp32 or bf16, and caption with "
                "int8");
    if (self->compute.part >= self->compute.parts)
        st = ac_error_set(
            AC_E_ARG, "compute.part is %lld, but compute.parts %lld: parts are numbered from 0",
            (long long) self->compute.part, (long long) self->compute.parts);
out:
    return st;
}

/* Names with commas between them; of a pattern, which the job expands, none. */
static ac_status
split_names(const char *names, ac_texts *out)
{
    ac_status st = AC_OK;

    for (const char *at = names; *at && !strpbrk(names, "*?[") && st == AC_OK;) {
        const size_t n = strcspn(at, ",");
        if (n)
            st = ac_texts_push(out, at, n);
        at += n + (at[n] == ',');
    }
    return st;
}

/* Is it a file that the job writes? */
static bool
is_written(const char *name)
{
    return strcmp(name, "evaluate.write_idf") == 0 ||
           strcmp(name, "evaluate.export_spice") == 0;
}

/* A file, a folder, or several. */
static ac_status
check_path(const ac_config_key *k, const char *path)
{
    ac_texts paths = { 0 };
    char *one = NULL;
    ac_status st = AC_OK;

    if (k->type == KEY_PATH_LIST)
        AC_TRY(ac_config_paths(path, &paths));
    else if (k->type == KEY_PATHS && !ac_file_is_there(path))
        AC_TRY(split_names(path, &paths));
    else if (strncmp(k->name, "input.", 6) == 0 && ac_path_set_is(path))
        AC_TRY(ac_path_set_expand(path, &paths));
    else
        AC_TRY(ac_texts_push(&paths, path, strlen(path)));
    for (int64_t i = 0; i < paths.count; i++) {
        free(one);
        AC_TRY(ac_duplicate(&one, ac_texts_at(&paths, i), ac_texts_size(&paths, i)));
        if (!ac_file_is_there(one))
            AC_FAIL(ac_io_failure(errno), "%s: %s: %s", k->name, one, strerror(errno));
    }
out:
    ac_texts_free(&paths);
    free(one);
    return st;
}

ac_status
ac_config_check_paths(const ac_config *self, const char *job, bool later)
{
    const ac_config_job *row = ac_config_job_find(job);
    ac_status st = AC_OK;

    for (const ac_config_key *k = ac_config_keys; k < ac_config_keys + ac_config_key_count;
         k++) {
        const bool is_path = k->type == KEY_PATH || k->type == KEY_PATH_LIST ||
                             (k->type == KEY_PATHS && !is_written(k->name));
        const char *path =
            is_path && ac_config_job_has(row, k) ? *(char **) ac_config_place(self, k) : NULL;
        if (path && !(later && is_listed(k->name, row->made)))
            AC_TRY(check_path(k, path));
    }
out:
    return st;
}
