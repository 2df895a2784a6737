#include "io/file/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "io/file/file_head.h"
#include "io/file/file_open.h"
#include "io/file/publish.h"

ac_status
ac_text_file_create(ac_text_file *self, const char *path)
{
    ac_status st = AC_OK;
    int file;

    *self = (ac_text_file){ 0 };
    AC_TRY(ac_duplicate(&self->path, path, strlen(path)));
    AC_TRY(ac_publish_open_stream(&file, path));
    if (file < 0) {
        AC_TRY(ac_publish_temporary(&self->temporary, path));
        file = ac_file_open_for(self->temporary, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC);
    }
    if (file < 0 || !(self->stream = fdopen(file, "wb")))
        st = ac_error_set(ac_io_failure(errno), "%s: cannot be created: %s",
                          self->temporary ? self->temporary : path, strerror(errno));
    if (st != AC_OK && file >= 0)
        close(file);
out:
    if (st != AC_OK)
        ac_text_file_abandon(self);
    return st;
}

void
ac_text_file_write(ac_text_file *self, const char *bytes, size_t n)
{
    if (fwrite(bytes, 1, n, self->stream) < n && !self->error)
        self->error = errno;
}

ac_status
ac_text_file_commit(ac_text_file *self)
{
    const char *name = self->temporary ? self->temporary : self->path;
    ac_status st = AC_OK;

    if (!self->error &&
        (fflush(self->stream) != 0 || (self->temporary && fsync(fileno(self->stream)) != 0)))
        self->error = errno;
    if (self->error)
        st = ac_error_set(ac_io_failure(self->error),
                          "%s: cannot be written: %s; is the disk full?", name,
                          strerror(self->error));
    if (fclose(self->stream) != 0 && st == AC_OK)
        st = ac_error_set(ac_io_failure(errno), "%s: cannot be written: %s", name,
                          strerror(errno));
    self->stream = NULL;
    if (st == AC_OK && self->temporary)
        st = ac_publish_rename(self->temporary, self->path);
    if (st == AC_OK) {
        free(self->temporary);
        self->temporary = NULL;
    }
    ac_text_file_abandon(self);
    return st;
}

void
ac_text_file_abandon(ac_text_file *self)
{
    if (self->stream)
        fclose(self->stream);
    if (self->temporary)
        unlink(self->temporary);
    free(self->temporary);
    free(self->path);
    *self = (ac_text_file){ 0 };
}

ac_status
ac_text_push_name_line(ac_buffer *out, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ac_buffer_push_char(out, bytes[i] == '\n' || bytes[i] == '\r' ? ' ' : bytes[i]);
    return ac_buffer_push_char(out, '\n');
}

ac_status
ac_text_push_line(ac_buffer *out, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n;) {
        const size_t ending = ac_text_line_end(bytes + i, n - i);
        ac_buffer_push_char(out, ending ? ' ' : bytes[i]);
        i += ending ? ending : 1;
    }
    return ac_buffer_push_char(out, '\n');
}

static ac_status
read_whole(const char *path, ac_buffer *out)
{
    char block[65536];
    int file;
    ac_status st = ac_file_open(&file, path);
    size_t n;

    if (st != AC_OK)
        return st;
    do {
        if (!ac_file_read_on(file, block, sizeof block, &n))
            st = ac_error_set(ac_io_failure(errno), "%s: cannot be read: %s", path,
                              strerror(errno));
        else
            st = ac_buffer_push(out, block, n);
    } while (st == AC_OK && n == sizeof block);
    close(file);
    return st;
}

ac_status
ac_text_file_read(const char *path, ac_buffer *out)
{
    const size_t before = out->size;
    const ac_status st = read_whole(path, out);

    return st == AC_OK && out->size > before &&
                   ac_head_of(out->data + before, out->size - before) == AC_HEAD_POINTER
               ? ac_head_check(path, out->data + before, out->size - before)
               : st;
}

ac_status
ac_text_read(const char *path, ac_buffer *out)
{
    const size_t before = out->size;
    ac_status st = read_whole(path, out);
    size_t mark;

    if (st != AC_OK || out->size == before)
        return st;
    st = ac_head_check_text(path, out->data + before, out->size - before);
    mark = ac_head_mark(out->data + before, out->size - before);
    memmove(out->data + before, out->data + before + mark,
            out->size - before - mark + 1); /* with its zero byte */
    out->size -= mark;
    return st;
}

/* A pipe, which cannot be read twice: its bytes in a file without a name. */
static ac_status
spool(ac_text_lines *self)
{
    FILE *pipe = self->stream;
    char block[65536];
    ac_status st = AC_OK;

    if (!(self->stream = tmpfile()))
        st = ac_error_set(ac_io_failure(errno),
                          "%s: a pipe, for whose lines no temporary file "
                          "can be made: %s",
                          self->path, strerror(errno));
    for (size_t n; st == AC_OK && (n = fread(block, 1, sizeof block, pipe)) > 0;)
        if (fwrite(block, 1, n, self->stream) < n)
            st = ac_error_set(ac_io_failure(errno),
                              "%s: its temporary copy cannot be written: "
                              "%s; is the disk full?",
                              self->path, strerror(errno));
    if (st == AC_OK && ferror(pipe))
        st = ac_error_set(ac_io_failure(errno), "%s: cannot be read: %s", self->path,
                          strerror(errno));
    fclose(pipe);
    if (st == AC_OK)
        rewind(self->stream);
    return st;
}

ac_status
ac_text_lines_open(ac_text_lines *self, const char *path, bool text)
{
    char head[AC_HEAD_BYTES];
    size_t n;
    ac_status st = AC_OK;

    *self = (ac_text_lines){ 0 };
    AC_TRY(ac_duplicate(&self->path, path, strlen(path)));
    AC_TRY(ac_file_open_stream(&self->stream, path));
    if (fseek(self->stream, 0, SEEK_SET) != 0)
        AC_TRY(spool(self));
    n = fread(head, 1, sizeof head, self->stream);
    if (ferror(self->stream))
        AC_FAIL(ac_io_failure(errno), "%s: cannot be read: %s", path, strerror(errno));
    if (n && text)
        AC_TRY(ac_head_check_text(path, head, n));
    else if (n && ac_head_of(head, n) == AC_HEAD_POINTER)
        AC_TRY(ac_head_check(path, head, n));
    if (fseek(self->stream, text && n ? (long) ac_head_mark(head, n) : 0, SEEK_SET) != 0)
        AC_FAIL(ac_io_failure(errno), "%s: cannot be read: %s", path, strerror(errno));
out:
    if (st != AC_OK)
        ac_text_lines_close(self);
    return st;
}

ac_status
ac_text_lines_next(ac_text_lines *self, char **line, size_t *n)
{
    ssize_t size;

    errno = 0;
    size = getline(&self->line, &self->capacity, self->stream);
    *line = NULL;
    if (size < 0)
        return feof(self->stream)
                   ? AC_OK
                   : ac_error_set(errno == ENOMEM ? AC_E_NOMEM : ac_io_failure(errno),
                                  "%s: cannot be read: %s", self->path, strerror(errno));
    if (size && self->line[size - 1] == '\n')
        self->line[--size] = '\0';
    *line = self->line;
    *n = (size_t) size;
    return AC_OK;
}

void
ac_text_lines_close(ac_text_lines *self)
{
    if (self->stream)
        fclose(self->stream);
    free(self->path);
    free(self->line);
    *self = (ac_text_lines){ 0 };
}
