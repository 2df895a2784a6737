#include "jobs/cli/help.h"

#include <string.h>

#include "io/config/config.h"
#include "jobs/cli/endings.h"

/* What an example gives for a key. */
static const char *
example_of(const char *job, const char *key)
{
    static const char *const values[][3] = {
        /* of one job, then of any */
        { "build-cache", "input.path", "/data/phrases.txt" },
        { "extend-cache", "input.path", "/data/more_phrases.txt" },
        { "extend-cache", "cache.path", "/data/cache" },
        { "dedupe", "input.path", "runs/caption-my" },
        { "story", "input.path", "runs/caption-my" },
        { "", "input.path", "/data/images" },
        { "", "clip.model", "/models/clip-vit-b16" },
        { "", "cache.path", "/data/phrases.txt" },
        { "", "bart.model", "/models/bart-large" },
        { "", "story.model", "/models/gpt2" },
        { "", "input.train", "/data/train" },
        { "", "input.validation", "/data/validation" },
        { "", "evaluate.predictions", "preds.txt" },
    };

    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if ((!*values[i][0] || strcmp(values[i][0], job) == 0) &&
            strcmp(values[i][1], key) == 0)
            return values[i][2];
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
    fprintf(f,
            "\n  antarctic %s my.yaml\n  mpirun --bind-to none -n 8 antarctic %s my.yaml --run "
            "/data/run\n",
            name, name);
    fprintf(f, "\nThe same command resumes a run that was stopped, on any number of ranks. For "
               "a finished run it only shows the results.\n\n");
    ac_exit_codes_help(f);
}
