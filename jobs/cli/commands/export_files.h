/** Files that an export writes beside somebody's own. */
#ifndef AC_JOBS_CLI_COMMANDS_EXPORT_FILES_H
#define AC_JOBS_CLI_COMMANDS_EXPORT_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/status.h"

/** Keys of a list of images may lead out of the folder ("../x", "/x"). */
bool ac_export_climbs(const char *key, size_t n);

/** Is there a file with these bytes? Another one may be somebody's own: AC_E_ARG. */
AC_MUST_CHECK ac_status ac_export_check(const char *path, const char *bytes, size_t n,
                                        bool *same);

/** Make the folders that the path leads through. */
AC_MUST_CHECK ac_status ac_export_make_folder(const char *path);

/** Write a file, unless the same is there already; AC_E_ARG where it would replace another. */
AC_MUST_CHECK ac_status ac_export_file(const char *path, const char *bytes, size_t n);

#endif
