/** The keys that a run of dedupe drops. */
#ifndef AC_JOBS_CLI_COMMANDS_DROPPED_KEYS_H
#define AC_JOBS_CLI_COMMANDS_DROPPED_KEYS_H

#include <stdbool.h>

#include "engine/base/buffer.h"

/** Starts zeroed: none. */
typedef struct ac_dropped_keys {
    ac_texts keys;
    int64_t *order; /* [keys.count]: bytewise */
    int64_t *told;  /* [keys.count], of the first of equal ones in `order`: how many keys of a
                       dataset that are no UTF-8 are told so */
    bool replaced;  /* some hold U+FFFD */
} ac_dropped_keys;

/** Of the folder's groups.jsonl. AC_E_ARG where the folder is no finished run of dedupe. */
AC_MUST_CHECK ac_status ac_dropped_keys_read(ac_dropped_keys *self, const char *folder);
void ac_dropped_keys_free(ac_dropped_keys *self);

/** Is this key of a dataset dropped? JSON tells keys that are no UTF-8 with U+FFFD: where there
 * are such (`replaced`), ac_dropped_keys_count first sees every key of the dataset, and
 * ac_dropped_keys_check refuses where it cannot be told which of them are meant. */
AC_MUST_CHECK ac_status ac_dropped_keys_has(const ac_dropped_keys *self, const char *key,
                                            size_t n, bool *dropped);
AC_MUST_CHECK ac_status ac_dropped_keys_count(ac_dropped_keys *self, const char *key, size_t n);
AC_MUST_CHECK ac_status ac_dropped_keys_check(const ac_dropped_keys *self, const char *folder);
/** These keys are dropped no more. */
AC_MUST_CHECK ac_status ac_dropped_keys_spare(ac_dropped_keys *self, const ac_texts *spared);

#endif
