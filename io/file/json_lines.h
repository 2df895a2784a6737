/** Reading JSON lines: journals, events, metrics; what other attempts of a run may be writing
 * at this moment. */
#ifndef AC_IO_FILE_JSON_LINES_H
#define AC_IO_FILE_JSON_LINES_H

#include <jansson.h>

#include "engine/base/status.h"

/** What is done with a line; the record is borrowed. An error ends the reading. */
typedef ac_status (*ac_json_line)(void *context, json_t *record);

/** Each line that is JSON, in order; others (the last one may be half written) are passed over.
 * A file that is not there has none. */
AC_MUST_CHECK ac_status ac_json_lines_read(const char *path, ac_json_line take, void *context);

/**
 * Each line of a file that is complete: a failure names the file and the line, also where it is
 * not JSON. Empty lines are passed over. Texts may hold zero bytes.
 */
AC_MUST_CHECK ac_status ac_json_lines_read_all(const char *path, ac_json_line take,
                                               void *context);

#endif
