/**
 * How a process ends: exit codes, and the ways to end that do not return (a bug, a stall,
 * memory refused inside a library). The function that ends the process is main's.
 */
#ifndef AC_JOBS_CLI_ENDINGS_H
#define AC_JOBS_CLI_ENDINGS_H

#include <stdio.h>

#include "engine/base/status.h"

/** Ends the process at once, without the C library's exit handlers. Does not return. */
typedef void (*ac_end_process)(int code);

/** Once, first of all: bugs are reported and end all ranks, refused memory inside the JSON
 * library ends the process, and so does a mapped file that can no longer be read (SIGBUS), by
 * its name. */
void ac_endings_install(ac_end_process end);

/** Once more after MPI_Init: MPI's libraries (UCX) put handlers of their own in the place. */
void ac_endings_catch_bus_errors(void);

/** The exit code of a status: 0, 1, 2, 3, 74 or 75 (ac_exit_codes_help lists them). */
int ac_exit_code(ac_status st);

/** The exit codes, one per line. */
void ac_exit_codes_help(FILE *f);

/** Also on another thread: this rank can neither continue nor reach agreement with the others.
 * Does not return. */
void ac_end_now(ac_status st, const char *message);

/** Before the watchdog lives and after its end, MPI itself may wait for ever: end with 74 after
 * so many minutes; 0: never. */
void ac_guard_launcher(double minutes);

/** The guard is no longer needed. */
void ac_guard_launcher_off(void);

#endif
