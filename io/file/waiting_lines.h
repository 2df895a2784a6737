/** Lines of a pipe, a terminal or a file as they come, and which of them are there already: so
 * that whoever answers lines may take together those that wait, and never waits for more. */
#ifndef AC_IO_FILE_WAITING_LINES_H
#define AC_IO_FILE_WAITING_LINES_H

#include <stdbool.h>

#include "engine/base/buffer.h"

/** Starts zeroed, with `file` set; which is borrowed. */
typedef struct ac_waiting_lines {
    int file;
    const char *name;          /* for messages: "the queries"; borrowed */
    bool end;                  /* nothing more will come */
    int failure;               /* an errno: nothing more can be read */
    ac_buffer text;            /* from `at` on not given yet */
    size_t at, before, looked; /* before: where the last line began; looked: no '\n' so far */
    int64_t number;            /* of the line that was given last, from 1 */
} ac_waiting_lines;

/**
 * The next line without its '\n', valid until the next call. The last one may lack a '\n'.
 * A failure to read is told after the lines before it.
 * @param[in] wait   until there is one. Else only what is there counts: the input is read once
 * at most, so that a line that is being written ends no wait
 * @param[out] line  NULL: there is none, or (without `wait`) none yet
 */
AC_MUST_CHECK ac_status ac_waiting_lines_next(ac_waiting_lines *self, bool wait,
                                              const char **line, size_t *n);
/** The line given last is the next one again. */
void ac_waiting_lines_return(ac_waiting_lines *self);
void ac_waiting_lines_free(ac_waiting_lines *self);

#endif
