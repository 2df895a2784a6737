#include "jobs/cli/terminal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/text.h"
#include "io/file/publish.h"

void
ac_terminal_line(void *context, ac_log_level level, const char *line)
{
    static const char *const marks[] = { "error: ", "warning: ", "", "" };

    ac_buffer seen = { 0 };

    (void) context;
    if (ac_text_push_visible(&seen, line, strlen(line)) == AC_OK)
        line = seen.data;
    fprintf(stderr, "%s%s\n", marks[level], line);
    ac_buffer_free(&seen);
}

void
ac_terminal_error(const char *name)
{
    const char *place = ac_error_place(), *message = ac_error_message();
    ac_buffer seen = { 0 };

    if (ac_text_push_visible(&seen, message, strlen(message)) == AC_OK)
        message = seen.data;
    fprintf(stderr, "antarctic %s: %s%s%s%s\n", name, message, place[0] ? " (" : "", place,
            place[0] ? ")" : "");
    ac_buffer_free(&seen);
}

void
ac_terminal_print(const char *before, const char *text, const char *behind)
{
    ac_buffer seen = { 0 };

    if (ac_text_push_visible(&seen, text, strlen(text)) == AC_OK)
        printf("%s%s%s\n", before, seen.data ? seen.data : "", behind);
    ac_buffer_free(&seen);
}

ac_status
ac_terminal_flush(ac_status st)
{
    if (st == AC_OK && (fflush(stdout) != 0 || ferror(stdout)))
        return ac_error_set(ac_io_failure(errno), "standard output cannot be written: %s",
                            strerror(errno));
    return st;
}

ac_status
ac_terminal_check_output(void)
{
    if (write(STDOUT_FILENO, "", 0) < 0 && errno == ENOSPC)
        return ac_error_set(AC_E_IO, "standard output cannot be written: %s", strerror(errno));
    return AC_OK;
}

void
ac_terminal_wait_until_read(int fd)
{
    const struct timespec pause = { 0, 5000000 };
    struct stat info;
    int unread = 0;

    if (fstat(fd, &info) != 0 || !S_ISFIFO(info.st_mode))
        return;
    for (int i = 0; i < 200 && ioctl(fd, FIONREAD, &unread) == 0 && unread > 0; i++)
        nanosleep(&pause, NULL);
}
