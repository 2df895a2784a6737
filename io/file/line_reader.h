/** The lines of a file of any size, in memory for the longest of them; reads that fail in
 * passing are tried again, as everywhere (io/file/file_open.h). */
#ifndef AC_IO_FILE_LINE_READER_H
#define AC_IO_FILE_LINE_READER_H

#include <stdbool.h>

#include "engine/base/buffer.h"

/** Starts zeroed. */
typedef struct ac_line_reader {
    const char *path; /* borrowed */
    int file;
    bool open, end; /* end: all of it is in the buffer */
    ac_buffer text;
    size_t at;
    bool truncated; /* the line that was given last has no '\n' */
} ac_line_reader;

/** A Git LFS pointer in the file's place is refused. */
AC_MUST_CHECK ac_status ac_line_reader_open(ac_line_reader *self, const char *path);

/** The next line without its '\n', zero-terminated, valid until the next call.
 * @param[out] line  NULL: there is none */
AC_MUST_CHECK ac_status ac_line_reader_next(ac_line_reader *self, const char **line, size_t *n);
void ac_line_reader_close(ac_line_reader *self);

#endif
