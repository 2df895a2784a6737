/** A batch script from slurm/job.sbatch.in. */
#ifndef AC_JOBS_CLI_COMMANDS_SLURM_SCRIPT_H
#define AC_JOBS_CLI_COMMANDS_SLURM_SCRIPT_H

#include "engine/base/buffer.h"

/** One @NAME@ of the template and what takes its place. name NULL ends the list. */
typedef struct ac_slurm_word {
    const char *name;
    const char *value;
} ac_slurm_word;

/** The template with every @NAME@ replaced, appended to out. AC_CHECK: each name of the
 * template is in the list. */
AC_MUST_CHECK ac_status ac_slurm_script(ac_buffer *out, const ac_slurm_word *words);

/** Append text as one word of the shell, quoted where it must be. */
void ac_shell_word(ac_buffer *out, const char *text);

#endif
