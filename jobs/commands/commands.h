/** The commands: one process, on what jobs made. Each takes its own words (argv[0] is its name) and says how it ended. */
#ifndef AC_JOBS_COMMANDS_COMMANDS_H
#define AC_JOBS_COMMANDS_COMMANDS_H

#include "engine/base/status.h"

ac_status ac_command_report(int argc, char **argv);

#endif
