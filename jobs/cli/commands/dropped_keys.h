/** The keys that a run of dedupe drops. */
#ifndef AC_JOBS_CLI_COMMANDS_DROPPED_KEYS_H
#define AC_JOBS_CLI_COMMANDS_DROPPED_KEYS_H

#include <stdbool.h>

#include "engine/base/buffer.h"

/** Starts zeroed: none. */
typedef struct ac_dropped_keys {
    ac_texts keys;
    int64_t *order; /* [keys.count]: bytewise */
} ac_dropped_keys;

/** Of the folder's groups.jsonl. AC_E_ARG where the folder is no finished run of dedupe. */
AC_MUST_CHECK ac_status ac_dropped_keys_read(ac_dropped_keys *self, const char *folder);
void ac_dropped_keys_free(ac_dropped_keys *self);

bool ac_dropped_keys_has(const ac_dropped_keys *self, const char *key, size_t n);

#endif
