/** Commands (on what jobs made) and tools (JSON lines, arrays): one process, without MPI. A row
 * each; and the help that lists all. */
#ifndef AC_JOBS_CLI_PROGRAMS_H
#define AC_JOBS_CLI_PROGRAMS_H

#include <stdbool.h>
#include <stdio.h>

#include "engine/base/status.h"

typedef enum ac_program_kind { AC_PROGRAM_COMMAND = 0, AC_PROGRAM_TOOL } ac_program_kind;

typedef struct ac_program {
    ac_program_kind kind;
    const char *name, *summary;
    ac_status (*run)(int argc, char **argv); /* argv[0] is its name */
    bool ranks; /* under mpirun or srun its rank 0 says what went wrong */
} ac_program;

/** The command or tool of this name; NULL: there is none. */
const ac_program *ac_program_find(const char *name);

/** Run it; returns the exit code. Errors are printed. */
int ac_program_launch(const ac_program *self, int argc, char **argv);

/** Every job, command and tool. */
void ac_programs_help(FILE *f);

/** The version, and below it the formats of images that this build reads, with the libraries
 * that read them, and those that it does not. */
void ac_programs_version(FILE *f);

/** No job, command or tool has this name: say so, with the nearest one. Returns the exit code.
 */
int ac_programs_unknown(const char *name);

#endif
