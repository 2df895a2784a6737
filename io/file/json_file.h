/** A file of JSON as a whole. */
#ifndef AC_IO_FILE_JSON_FILE_H
#define AC_IO_FILE_JSON_FILE_H

#include <jansson.h>

#include "engine/base/status.h"

/**
 * Read a file; free with json_decref. A byte-order mark at its head is passed over.
 * @param[in] flags  jansson's (JSON_REJECT_DUPLICATES …)
 * @return AC_E_IO where it cannot be read; AC_E_FORMAT names file and line, or what the file is
 * in place of JSON (io/file/file_head.h)
 */
AC_MUST_CHECK ac_status ac_json_file_read(json_t **out, const char *path, size_t flags);

/** The same of a file that need not be there: *out is NULL where it is not, or holds no JSON. A
 * failure only for memory, and for a passing error that stays (AC_E_RETRY). */
AC_MUST_CHECK ac_status ac_json_file_find(json_t **out, const char *path);

#endif
