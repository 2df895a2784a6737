/** The commands: what is done with the things that jobs made. One process, no MPI; argv[0] is the command's name. */
#ifndef AC_JOBS_COMMANDS_COMMANDS_H
#define AC_JOBS_COMMANDS_COMMANDS_H

#include "engine/base/status.h"

/** How a run stands: reads its folder, writes nothing. */
ac_status ac_command_status(int argc, char **argv);

/** Every checksum and count of runs, caches and files. AC_E_FORMAT where anything is off. */
ac_status ac_command_verify(int argc, char **argv);

#endif
