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

/** Append text as one word of /bin/sh, quoted where it must be. */
void ac_shell_word(ac_buffer *out, const char *text);

/** The same for bash, on one line and of characters that can be seen: in a batch script, or for
 * people to copy. */
void ac_bash_word(ac_buffer *out, const char *text);

/** Append the value of an #SBATCH option, quoted where it must be. AC_E_ARG where it has a line
 * break, for which Slurm has no way: `what` names it. */
AC_MUST_CHECK ac_status ac_slurm_value(ac_buffer *out, const char *what, const char *value);

/** The same for the path of a log: FOLDER/name, where Slurm replaces what `name` has (%j) and
 * nothing in the folder. AC_E_ARG where the folder has a backslash, with which Slurm replaces
 * nothing. */
AC_MUST_CHECK ac_status ac_slurm_log_path(ac_buffer *out, const char *what, const char *folder,
                                          const char *name);

/** Append text as a job's name: what is not a letter, a digit or one of . _ + - becomes _; at
 * most 128 bytes. */
void ac_slurm_job_name(ac_buffer *out, const char *text);

#endif
