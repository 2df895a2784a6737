#include "io/file/line_reader.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "io/file/file_head.h"
#include "io/file/file_open.h"
#include "io/file/io_failure.h"

enum { BLOCK = 1 << 16 };

/* More of the file, behind what is left of the buffer. */
static ac_status
read_more(ac_line_reader *self)
{
    size_t n;
    ac_status st = AC_OK;

    ac_buffer_drop(&self->text, self->at);
    self->at = 0;
    AC_TRY(ac_buffer_reserve(&self->text, BLOCK));
    if (!ac_file_read_on(self->file, self->text.data + self->text.size, BLOCK, &n))
        AC_FAIL(ac_io_failure(errno), "%s: cannot be read: %s", self->path, strerror(errno));
    self->text.size += n;
    self->text.data[self->text.size] = '\0';
    self->end = n < BLOCK;
out:
    return st;
}

ac_status
ac_line_reader_open(ac_line_reader *self, const char *path)
{
    ac_status st = AC_OK;

    *self = (ac_line_reader){ .path = path };
    AC_TRY(ac_file_open(&self->file, path));
    self->open = true;
    AC_TRY(read_more(self));
    if (self->text.size && ac_head_of(self->text.data, self->text.size) == AC_HEAD_POINTER)
        st = ac_head_check(path, self->text.data, self->text.size);
out:
    if (st != AC_OK)
        ac_line_reader_close(self);
    return st;
}

ac_status
ac_line_reader_next(ac_line_reader *self, const char **line, size_t *n)
{
    size_t looked = 0; /* of the line: there is no '\n' */
    ac_status st = AC_OK;

    *line = NULL;
    *n = 0;
    for (;;) {
        char *begin = self->text.data + self->at,
             *newline = memchr(begin + looked, '\n', self->text.size - self->at - looked);
        const size_t left = self->text.size - self->at;
        if (newline || self->end) {
            if (!newline && !left)
                goto out;
            *line = begin;
            *n = newline ? (size_t) (newline - begin) : left;
            self->at += *n + (newline != NULL);
            self->truncated = !newline;
            begin[*n] = '\0';
            goto out;
        }
        looked = left;
        AC_TRY(read_more(self));
    }
out:
    return st;
}

void
ac_line_reader_close(ac_line_reader *self)
{
    if (self->open)
        close(self->file);
    ac_buffer_free(&self->text);
    *self = (ac_line_reader){ 0 };
}
