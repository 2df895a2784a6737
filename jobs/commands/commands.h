/** The commands: what is done with the things that jobs made. One process, no MPI; argv[0] is the command's name. */
#ifndef AC_JOBS_COMMANDS_COMMANDS_H
#define AC_JOBS_COMMANDS_COMMANDS_H

#include "engine/base/status.h"

/** Other programs' files -> ours: a cache from a text file and embeddings. */
ac_status ac_command_import(int argc, char **argv);

/** Ours -> other programs' files: a cache as postcache.txt and postcache.npy. */
ac_status ac_command_export(int argc, char **argv);

/** A run's report.html, written again. */
ac_status ac_command_report(int argc, char **argv);

#endif
