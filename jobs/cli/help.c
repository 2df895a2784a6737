#include "jobs/cli/help.h"

#include <string.h>

#include "io/config/config.h"
#include "jobs/cli/endings.h"

/* What an example gives for a key. */
static const char *
example_of(const char *job, const char *key)
{
    static const char *const values[][2] = {
        { "input.path", "/data/images" },        { "clip.model", "/models/clip-vit-b16" },
        { "cache.path", "/data/phrases.txt" },   { "bart.model", "/models/bart-large" },
        { "input.train", "/data/train" },        { "input.validation", "/data/validation" },
        { "evaluate.predictions", "preds.txt" },
    };

    if (strcmp(job, "build-cache") == 0 && strcmp(key, "input.path") == 0)
        return "/data/phrases.txt";
    if (strcmp(job, "extend-cache") == 0 && strcmp(key, "input.path") == 0)
        return "/data/more_phrases.txt";
    if (strcmp(job, "extend-cache") == 0 && strcmp(key, "cache.path") == 0)
        return "/data/cache";
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (strcmp(values[i][0], key) == 0)
            return values[i][1];
    return "…";
}

void
ac_job_help(FILE *f, const ac_job *job, const ac_option *options)
{
    const char *name = job->name;
    const char *names[AC_CONFIG_MOST_NEEDED], *meanings[AC_CONFIG_MOST_NEEDED];
    const int needed = ac_config_needed(name, names, meanings);
    char usage[200];

    if (job->word)
        snprintf(usage, sizeof usage,
                 "%s [CONFIG.yaml] [options]\n       antarctic %s %s [options]", name, name,
                 job->usage);
    else
        snprintf(usage, sizeof usage, "%s [CONFIG.yaml] [options]", name);
    ac_options_help(f, usage, job->summary, options);
    fprintf(f,
            "\nkeys that must be given, in CONFIG.yaml or with --set (antarctic %s "
            "--print-config shows all, with their defaults):\n",
            name);
    for (int i = 0; i < needed; i++)
        fprintf(f, "  %-32s %s\n", names[i], meanings[i]);
    fprintf(f, "\nexample, my.yaml:\n");
    for (int i = 0; i < needed;
         i++) { /* every needed key is section.key; those of a section stand together */
        const size_t section = strcspn(names[i], ".");
        if (i == 0 || strncmp(names[i - 1], names[i], section + 1) != 0)
            fprintf(f, "  %.*s:\n", (int) section, names[i]);
        fprintf(f, "    %s: %s\n", names[i] + section + 1, example_of(name, names[i]));
    }
    fprintf(f, "\n  antarctic %s my.yaml\n  mpirun -n 8 antarctic %s my.yaml --run /data/run\n",
            name, name);
    fprintf(f, "\nThe same command resumes a run that was stopped, on any number of ranks. For "
               "a finished run it only shows the results.\n\n");
    ac_exit_codes_help(f);
}
