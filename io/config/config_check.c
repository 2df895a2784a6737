/* What a job asks of its config: which keys, and that the files are there. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "io/config/config.h"
#include "io/config/config_values.h"
#include "io/file/publish.h"

unsigned
ac_config_job_bit(const char *job)
{
    static const char *const names[] = { "embed-images", "tag",   "caption",
                                         "build-cache",  "train", "extend-cache" };

    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(job, names[i]) == 0)
            return 1u << i;
    return ALL;
}

bool
ac_config_has(const char *job, const char *name)
{
    const ac_config_key *k = NULL;

    return ac_config_key_find(&k, name, "") == AC_OK && (k->jobs & ac_config_job_bit(job)) != 0;
}

int
ac_config_needed(const char *job, const char *names[], const char *meanings[])
{
    static const char *const needed[AC_CONFIG_MOST_NEEDED] = {
        "input.path", "input.train", "input.validation",
        "clip.model", "cache.path",  "bart.model"
    };
    int n = 0;

    for (size_t i = 0; i < AC_CONFIG_MOST_NEEDED; i++) {
        const ac_config_key *k = NULL;
        if (ac_config_key_find(&k, needed[i], "") != AC_OK ||
            !(k->jobs & ac_config_job_bit(job)))
            continue;
        names[n] = k->name;
        meanings[n++] = k->help;
    }
    return n;
}

/* A folder, or annotations and images: one of both, and whole. */
static ac_status
check_captioned(const char *name, const char *folder, const char *annotations,
                const char *images)
{
    if (folder && (annotations || images))
        return ac_error_set(
            AC_E_ARG,
            "%s is given as a folder and as {annotations, images}: give one (the other: none)",
            name);
    if (!folder && !annotations && !images)
        return ac_error_set(AC_E_ARG,
                            "train needs %s: a folder of images with a .txt beside each, or "
                            "{annotations: F.json, images: FOLDER}",
                            name);
    if (!folder && !(annotations && images))
        return ac_error_set(AC_E_ARG, "%s needs both annotations and images", name);
    return AC_OK;
}

ac_status
ac_config_check(const ac_config *self, const char *job)
{
    const char *names[AC_CONFIG_MOST_NEEDED], *meanings[AC_CONFIG_MOST_NEEDED];
    const int n = ac_config_needed(job, names, meanings);
    ac_status st = AC_OK;

    for (int i = 0; i < n; i++) {
        const ac_config_key *k = NULL;
        AC_TRY(ac_config_key_find(&k, names[i], ""));
        if (k->jobs != TRAIN &&
            !*(char **) ac_config_place(self, k)) /* training's images have two forms: below */
            AC_FAIL(AC_E_ARG, "%s needs %s (%s): give it in the config, or with --set %s=…",
                    job, k->name, k->help, k->name);
    }
    if (ac_config_job_bit(job) == TRAIN) {
        AC_TRY(check_captioned("input.train", self->input.train, self->input.train_annotations,
                               self->input.train_images));
        AC_TRY(check_captioned("input.validation", self->input.validation,
                               self->input.validation_annotations,
                               self->input.validation_images));
    }
    if (self->compute.part >= self->compute.parts)
        st = ac_error_set(
            AC_E_ARG, "compute.part is %lld, but compute.parts %lld: parts are numbered from 0",
            (long long) self->compute.part, (long long) self->compute.parts);
out:
    return st;
}

ac_status
ac_config_check_paths(const ac_config *self, const char *job, bool later)
{
    const unsigned bit = ac_config_job_bit(job);

    for (const ac_config_key *k = ac_config_keys; k < ac_config_keys + ac_config_key_count;
         k++) {
        const char *path =
            k->type == KEY_PATH && (k->jobs & bit) ? *(char **) ac_config_place(self, k) : NULL;
        const bool made =
            strcmp(k->name, "cache.path") == 0 || strcmp(k->name, "bart.layer_norms") == 0 ||
            (strcmp(k->name, "input.path") == 0 && strcmp(job, "extend-cache") == 0);
        if (path && access(path, F_OK) != 0 && !(later && made))
            return ac_error_set(ac_io_failure(errno), "%s: %s: %s", k->name, path,
                                strerror(errno));
    }
    return AC_OK;
}
