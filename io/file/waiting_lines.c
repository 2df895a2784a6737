#include "io/file/waiting_lines.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "io/file/io_failure.h"

enum { BLOCK = 1 << 16, FOR_EVER = -1 };

/* Is there something to read (or the end)? */
static bool
is_ready(const ac_waiting_lines *self, int milliseconds)
{
    struct pollfd input = { .fd = self->file, .events = POLLIN };

    return poll(&input, 1, milliseconds) > 0;
}

/* What has come, behind what is left of the buffer; nothing where a signal came in between. */
static ac_status
read_once(ac_waiting_lines *self)
{
    ssize_t n;
    ac_status st = AC_OK;

    ac_buffer_drop(&self->text, self->at);
    self->at = 0;
    AC_TRY(ac_buffer_reserve(&self->text, BLOCK));
    n = read(self->file, self->text.data + self->text.size, BLOCK);
    if (n > 0)
        self->text.size += (size_t) n;
    self->end = n == 0;
    if (n < 0 && errno != EINTR && errno != EAGAIN)
        self->failure = errno;
out:
    return st;
}

/* A line that is complete, or the last one. */
static bool
give(ac_waiting_lines *self, const char **line, size_t *n)
{
    const size_t left = self->text.size - self->at;
    char *begin = self->text.data + self->at,
         *newline = left > self->looked
                        ? memchr(begin + self->looked, '\n', left - self->looked)
                        : NULL;

    self->looked = left;
    if (!newline && (!self->end || !left))
        return false;
    *line = begin;
    *n = newline ? (size_t) (newline - begin) : left;
    self->before = self->at;
    self->at += *n + (newline != NULL);
    self->looked = 0;
    self->number++;
    return true;
}

ac_status
ac_waiting_lines_next(ac_waiting_lines *self, bool wait, const char **line, size_t *n)
{
    bool has_read = false;
    ac_status st = AC_OK;

    *line = NULL;
    *n = 0;
    while (!give(self, line, n) && !self->end) {
        if (self->failure && wait)
            return ac_error_set(ac_io_failure(self->failure), "%s cannot be read: %s",
                                self->name, strerror(self->failure));
        if (self->failure || (!wait && (has_read || !is_ready(self, 0))))
            goto out;
        if (wait && !is_ready(self, FOR_EVER))
            continue; /* a signal */
        AC_TRY(read_once(self));
        has_read = true;
    }
out:
    return st;
}

void
ac_waiting_lines_return(ac_waiting_lines *self)
{
    self->at = self->before;
    self->number--;
}

void
ac_waiting_lines_free(ac_waiting_lines *self)
{
    ac_buffer_free(&self->text);
    *self = (ac_waiting_lines){ 0 };
}
