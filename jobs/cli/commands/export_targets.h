/** The files that an export of one file per image is going to write: looked at, all of them,
 * before the first is written. */
#ifndef AC_JOBS_CLI_COMMANDS_EXPORT_TARGETS_H
#define AC_JOBS_CLI_COMMANDS_EXPORT_TARGETS_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/buffer.h"

typedef struct ac_export_target ac_export_target;

/** Starts zeroed; owns everything. 40 bytes per file. */
typedef struct ac_export_targets {
    ac_export_target *list;
    int64_t count, capacity;
    char *folder;      /* of the file before, which was looked at already */
    char *real;        /* the same without links and dots */
    bool same_is_well; /* two keys may give one file, if they give it the same content */
} ac_export_targets;

/**
 * A file to be written, as key number `key` of the run gives it, with this content. AC_E_IO
 * where it cannot be: a name too long for its folder, a folder that cannot be written or made.
 * Nothing stays behind.
 */
AC_MUST_CHECK ac_status ac_export_targets_add(ac_export_targets *self, int64_t key,
                                              const char *path, const ac_buffer *content);

/** After the last: two keys that give one file, or a file where another's folder must be.
 * first, second: their numbers; -1: there are none. */
void ac_export_targets_clash(ac_export_targets *self, int64_t *first, int64_t *second);

void ac_export_targets_free(ac_export_targets *self);

#endif
