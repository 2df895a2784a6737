/** verify --recompute: items of a finished run computed again from its inputs, and compared to
 * the byte. */
#ifndef AC_JOBS_CLI_COMMANDS_RECOMPUTE_H
#define AC_JOBS_CLI_COMMANDS_RECOMPUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/status.h"

/** What is not as it was: `file` and what is wrong with it. */
typedef void (*ac_recompute_trouble)(void *context, const char *file, const char *what);

typedef struct ac_recompute {
    int64_t items; /* to draw */
    int64_t seed;
    bool json; /* print the result as an object */
    ac_recompute_trouble trouble;
    void *context;
} ac_recompute;

/**
 * The shards that hold the items drawn are made again by the run's own job, in a process and a
 * folder of their own, and compared with those of the run, which stays as it is. Prints one
 * line that can be quoted.
 * @return AC_E_ARG where the folder's items cannot be computed again (no run, not finished, of
 * train, updated); what differs goes to `trouble`
 */
AC_MUST_CHECK ac_status ac_recompute_run(const ac_recompute *self, const char *folder);

#endif
