/** What `verify` has found so far below one of the paths that it was given, and the checks of
 * single files and of runs that add to it. A finding is no error of the functions: it is
 * printed and counted. They return AC_E_NOMEM and the like alone. Local. */
#ifndef AC_JOBS_CLI_COMMANDS_VERIFIER_H
#define AC_JOBS_CLI_COMMANDS_VERIFIER_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/status.h"

typedef struct ac_verifier {
    const char *root; /* the path given */
    bool json;
    int64_t files, troubles; /* checked; findings */
    int64_t items, ok, bad;  /* of a run */
    char note[200];          /* what it is, and how far it got */
} ac_verifier;

/** A finding: printed, with the file's name, and counted. */
void ac_verifier_trouble(ac_verifier *self, const char *file, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** The last error as a finding: its message, without the file's name if it begins with it. */
void ac_verifier_trouble_from_error(ac_verifier *self, const char *file);

/** A file by the rules of its kind (its name's ending); others are passed over, unless the file
 * is the path given. */
void ac_verifier_check_file(ac_verifier *self, const char *path);

/** @param[in] jsonl  each line must be JSON
 * @param[out] lines  how many the file has; -1: it cannot be read, which is a finding, as is a
 * last line without its end */
AC_MUST_CHECK ac_status ac_verifier_count_lines(ac_verifier *self, const char *path, bool jsonl,
                                                int64_t *lines);

/** A run folder: checksum, rows and counts of each shard, lines of the results, summary.json.
 * is_done: it has DONE, whose files the caller checks. */
AC_MUST_CHECK ac_status ac_verifier_check_run(ac_verifier *self, const char *folder,
                                              bool is_done);

#endif
