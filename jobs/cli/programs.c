#include "jobs/cli/programs.h"

#include <stdbool.h>
#include <string.h>

#include "engine/base/text.h"
#include "io/image/decode.h"
#include "jobs/cli/commands/commands.h"
#include "jobs/cli/endings.h"
#include "jobs/cli/mpi_start.h"
#include "jobs/cli/options.h"
#include "jobs/cli/terminal.h"
#include "jobs/cli/tools/tools.h"
#include "jobs/job_table.h"
#include "jobs/runtime/version.h"

static const ac_program programs[] = {
    { AC_PROGRAM_COMMAND, "status", "progress of a run: rate, ETA, last error",
      ac_command_status, false },
    { AC_PROGRAM_COMMAND, "submit", "write a job's batch script and submit it to Slurm",
      ac_command_submit, false },
    { AC_PROGRAM_COMMAND, "verify", "check every checksum and count of runs, caches and files",
      ac_command_verify, false },
    { AC_PROGRAM_COMMAND, "recaption",
      "caption images of a run again, with other settings if wanted", ac_command_recaption,
      false },
    { AC_PROGRAM_COMMAND, "retell", "continue captions of a run of story again",
      ac_command_retell, false },
    { AC_PROGRAM_COMMAND, "search",
      "images of runs, or entries of a cache, nearest to a text or an image", ac_command_search,
      true },
    { AC_PROGRAM_COMMAND, "report", "write a run's report.html again", ac_command_report,
      false },
    { AC_PROGRAM_COMMAND, "import", "other programs' files -> a cache", ac_command_import,
      false },
    { AC_PROGRAM_COMMAND, "export", "a cache or a run -> other programs' files",
      ac_command_export, false },
    { AC_PROGRAM_COMMAND, "import-review", "a person's decisions on captions -> their run",
      ac_command_import_review, false },
    { AC_PROGRAM_COMMAND, "cache-edit",
      "a cache -> a new one: entries removed, added, merged; the rest is not embedded again",
      ac_command_cache_edit, false },
    { AC_PROGRAM_COMMAND, "cache-diff", "what differs between two caches",
      ac_command_cache_diff, false },
    { AC_PROGRAM_TOOL, "tokenize", "texts <-> token ids of CLIP, BART, GPT-2", ac_tool_tokenize,
      false },
    { AC_PROGRAM_TOOL, "preprocess", "images -> CLIP's input, as .npy", ac_tool_preprocess,
      false },
    { AC_PROGRAM_TOOL, "embed", "images or texts -> CLIP embeddings, as .npy", ac_tool_embed,
      false },
    { AC_PROGRAM_TOOL, "topk", "nearest entries of a cache or a .npy", ac_tool_topk, false },
    { AC_PROGRAM_TOOL, "generate", "BART's candidates for prompts or token ids",
      ac_tool_generate, false },
    { AC_PROGRAM_TOOL, "inspect", "what a file or folder is, and what is in it",
      ac_tool_inspect, false },
    { AC_PROGRAM_TOOL, "ngrams", "the best n-grams of text files", ac_tool_ngrams, false },
    { AC_PROGRAM_TOOL, "measure", "this machine's speed, and suggested compute settings",
      ac_tool_measure, false },
    { AC_PROGRAM_TOOL, "loss", "BART's loss and the gradients of its layer norms", ac_tool_loss,
      false },
};

enum { PROGRAMS = sizeof programs / sizeof *programs, MOST_NAMES = 128 };

static void
print_programs(FILE *f, ac_program_kind kind, const char *title)
{
    fprintf(f, "\n%s\n", title);
    for (size_t i = 0; i < PROGRAMS; i++)
        if (programs[i].kind == kind)
            fprintf(f, "  %-14s %s\n", programs[i].name, programs[i].summary);
}

void
ac_programs_help(FILE *f)
{
    fprintf(f,
            "antarctic %s: captions for image archives, from a cache of phrases, with CLIP and "
            "BART\n\n",
            AC_VERSION);
    fprintf(f, "  antarctic JOB [CONFIG.yaml] [--run DIR] [--set key.path=value]…  alone, or "
               "under mpirun or srun\n");
    fprintf(f, "  antarctic JOB --print-config [CONFIG.yaml]                       every key, "
               "its value and its meaning\n");
    fprintf(f, "  antarctic COMMAND … | TOOL … | help [NAME] | --version\n\njobs:\n");
    for (const ac_job *const *job = ac_job_table; *job; job++)
        fprintf(f, "  %-14s %s\n", (*job)->name, (*job)->summary);
    print_programs(f, AC_PROGRAM_COMMAND,
                   "commands on the results of jobs (one process; search: also under mpirun; "
                   "NAME --help):");
    print_programs(f, AC_PROGRAM_TOOL, "tools (one process, without MPI; NAME --help):");
    fprintf(f, "\n");
    ac_exit_codes_help(f);
}

/* A line of the formats that are in the build, or of those that are not. */
static void
print_formats(FILE *f, const char *title, bool built)
{
    ac_image_format format;
    int printed = 0;

    for (int i = 0; ac_image_format_at(i, &format); i++) {
        if (format.built != built)
            continue;
        fprintf(f, "%s%s", printed++ ? ", " : title, format.name);
        if (format.library)
            fprintf(f, built ? " (%s %s)" : " (%s)", format.library, format.version);
    }
    if (printed)
        fprintf(f, "\n");
}

void
ac_programs_version(FILE *f)
{
    fprintf(f, "antarctic %s\n", AC_VERSION);
    print_formats(f, "images: ", true);
    print_formats(f, "images that this build does not read: ", false);
}

const ac_program *
ac_program_find(const char *name)
{
    for (size_t i = 0; i < PROGRAMS; i++)
        if (strcmp(name, programs[i].name) == 0)
            return &programs[i];
    return NULL;
}

int
ac_program_launch(const ac_program *self, int argc, char **argv)
{
    const ac_status st = ac_terminal_flush(self->run(argc, argv));

    if (st != AC_OK && !(self->ranks && ac_mpi_is_launched()))
        ac_terminal_error(self->name);
    return ac_exit_code(st);
}

int
ac_programs_unknown(const char *name)
{
    const char *names[MOST_NAMES + 1] = { 0 }, *near;
    ac_buffer seen = { 0 };
    size_t n = 0;

    for (const ac_job *const *job = ac_job_table; *job && n < MOST_NAMES; job++)
        names[n++] = (*job)->name;
    for (size_t i = 0; i < PROGRAMS && n < MOST_NAMES; i++)
        names[n++] = programs[i].name;
    near = ac_nearest_word(name, names);
    ac_text_push_visible(&seen, name, strlen(name));
    fprintf(stderr,
            "antarctic: \"%s\" is no job, command or tool%s%s%s; antarctic help lists them\n",
            seen.data ? seen.data : "", near ? "; did you mean " : "", near ? near : "",
            near ? "?" : "");
    ac_buffer_free(&seen);
    return ac_exit_code(AC_E_ARG);
}
