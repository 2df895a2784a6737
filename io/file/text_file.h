/** A text file written piece by piece under a temporary name and published whole; a stream
 * (ac_publish_open_stream) as it comes. */
#ifndef AC_IO_FILE_TEXT_FILE_H
#define AC_IO_FILE_TEXT_FILE_H

#include <stdbool.h>
#include <stdio.h>

#include "engine/base/buffer.h"

/** Starts zeroed. Write errors stick and are reported by the commit. */
typedef struct ac_text_file {
    FILE *stream;
    char *path, *temporary; /* temporary NULL: a stream */
    int error;              /* of the first write that failed; 0: none */
} ac_text_file;

AC_MUST_CHECK ac_status ac_text_file_create(ac_text_file *self, const char *path);
void ac_text_file_write(ac_text_file *self, const char *bytes, size_t n);
/** Flush, fsync, rename, fsync of the folder. */
AC_MUST_CHECK ac_status ac_text_file_commit(ac_text_file *self);
/** Remove what was not committed. Idempotent, also after a commit. */
void ac_text_file_abandon(ac_text_file *self);

/** A line for a file of one item per line: \n and \r inside it become blanks. */
ac_status ac_text_push_name_line(ac_buffer *out, const char *bytes, size_t n);

/** The same of a text for other programs' readers: all that ends a line for any of them
 * (ac_text_line_end) becomes a blank. */
ac_status ac_text_push_line(ac_buffer *out, const char *bytes, size_t n);

/** The whole of a file, appended to out. A Git LFS pointer in its place is refused. */
AC_MUST_CHECK ac_status ac_text_file_read(const char *path, ac_buffer *out);

/** The same of a text that people wrote: a byte-order mark at its head is left out, and what is
 * no text in UTF-8 is refused by its name (io/file/file_head.h). */
AC_MUST_CHECK ac_status ac_text_read(const char *path, ac_buffer *out);

/** A file's lines, one at a time. Starts zeroed. */
typedef struct ac_text_lines {
    FILE *stream;
    char *path, *line;
    size_t capacity;
} ac_text_lines;

/** text: as ac_text_read, else as ac_text_file_read. */
AC_MUST_CHECK ac_status ac_text_lines_open(ac_text_lines *self, const char *path, bool text);
/** The next line without its '\n', zero-terminated, the caller's to change until the next call.
 * @param[out] line  NULL: there is none */
AC_MUST_CHECK ac_status ac_text_lines_next(ac_text_lines *self, char **line, size_t *n);
void ac_text_lines_close(ac_text_lines *self);

#endif
