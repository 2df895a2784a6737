/** The files of foreign embeddings, and what clip-grams says of them. */
#ifndef AC_CACHE_BUILDER_IMPORT_FILES_H
#define AC_CACHE_BUILDER_IMPORT_FILES_H

#include "engine/base/status.h"

#include <stdint.h>

/** Starts zeroed; owns everything. */
typedef struct ac_import_files {
    char **paths; /* [count], in order */
    int64_t count, room;
} ac_import_files;

void ac_import_files_free(ac_import_files *self);

/** What is given, appended: a file, a folder of parts, a .txt list, a pattern (exchange.h). */
AC_MUST_CHECK ac_status ac_import_files_add(ac_import_files *self, const char *given);

/** Says in the log where files that are numbered are not in the order of their numbers. */
void ac_import_files_check_order(const ac_import_files *self);

/** The entries beside the embeddings; free with free(). AC_E_FORMAT with the remedy where there
 * are none. */
AC_MUST_CHECK ac_status ac_import_files_entries(const ac_import_files *self, char **path);

/** The prefix that args.txt of clip-grams tells, beside emb00000.npy; NULL: none told. Free
 * with free(). */
AC_MUST_CHECK ac_status ac_import_files_prefix(const ac_import_files *self, char **prefix);

#endif
