/** Where two files of the same kind of shard differ. */
#ifndef AC_JOBS_CLI_COMMANDS_RECOMPUTE_SHARDS_H
#define AC_JOBS_CLI_COMMANDS_RECOMPUTE_SHARDS_H

#include <stddef.h>

#include "engine/base/status.h"

/** what: "differs: captions of key 3.jpg", the first dataset and row that do; where none does,
 * the files differ in something else. */
AC_MUST_CHECK ac_status ac_recompute_difference(const char *old, const char *new, char *what,
                                                size_t size);

#endif
