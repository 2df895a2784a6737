#include "jobs/cli/terminal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/text.h"
#include "io/file/json_write.h"
#include "io/file/publish.h"

void
ac_terminal_complain(const char *before, const char *text, const char *behind)
{
    ac_buffer seen = { 0 };

    if (ac_text_push_visible(&seen, text, strlen(text)) == AC_OK)
        text = seen.data;
    fprintf(stderr, "%s%s%s\n", before, text ? text : "", behind);
    ac_buffer_free(&seen);
}

void
ac_terminal_line(void *context, ac_log_level level, const char *line)
{
    static const char *const marks[] = { "error: ", "warning: ", "", "" };

    (void) context;
    ac_terminal_complain(marks[level], line, "");
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
ac_terminal_print(const char *format, ...)
{
    ac_buffer seen = { 0 };
    char *text = NULL;
    va_list args;
    int n;

    va_start(args, format);
    n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0)
        return;
    const bool ends = n && text[n - 1] == '\n';
    if (ac_text_push_visible(&seen, text, (size_t) n - ends) == AC_OK)
        printf("%s%s", seen.data ? seen.data : "", ends ? "\n" : "");
    ac_buffer_free(&seen);
    free(text);
}

void
ac_terminal_json(const char *json, size_t n)
{
    ac_buffer seen = { 0 };

    if (ac_json_push_visible(&seen, json, n) == AC_OK && seen.size)
        fwrite(seen.data, 1, seen.size, stdout);
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
