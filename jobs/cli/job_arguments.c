#include "jobs/cli/job_arguments.h"

#include <stdio.h>
#include <string.h>

#include "io/file/path.h"

ac_status
ac_job_config_read(ac_config *config, const ac_arguments *a, int word)
{
    ac_status st = AC_OK;

    AC_TRY(ac_config_init(config));
    if (a->word_count > word)
        AC_TRY(ac_config_read(config, a->words[word]));
    for (int i = 0; i < a->set_count; i++)
        if (strcmp(a->set[i].option->name, "set") == 0)
            AC_TRY(ac_config_set(config, a->set[i].value));
out:
    return st;
}

ac_status
ac_job_run_folder(char **out, const char *job, const ac_arguments *a, int word)
{
    const char *run = ac_arguments_get(a, "run"),
               *given = run ? run : ac_arguments_get(a, "out"),
               *config = a->word_count > word ? a->words[word] : NULL;
    const char *slash = config ? strrchr(config, '/') : NULL,
               *base = slash ? slash + 1 : config;
    const char *dot = base ? strrchr(base, '.') : NULL;

    if (given && !*given)
        return ac_error_set(AC_E_ARG, "--run needs the name of a folder");
    if (given)
        return ac_path_format(out, "%s", given);
    if (!config)
        return ac_path_format(out, "runs/%s", job);
    return ac_path_format(out, "runs/%s-%.*s", job,
                          dot ? (int) (dot - base) : (int) strlen(base), base);
}
