/*
 * LD_PRELOAD library: a process that opens a file whose path ends with $CRASH_ON_OPEN ends by
 * the signal $CRASH_SIGNAL (default 6), as it would if the image in it met a bug of a decoder.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
crash_if_marked(const char *path)
{
    const char *mark = getenv("CRASH_ON_OPEN"), *number = getenv("CRASH_SIGNAL");
    const size_t n = strlen(path), m = mark ? strlen(mark) : 0;

    if (m == 0 || n < m || strcmp(path + n - m, mark) != 0)
        return;
    kill(getpid(), number ? atoi(number) : SIGABRT);
    pause();
}

int
open(const char *path, int flags, ...)
{
    int (*real)(const char *, int, ...);
    mode_t mode = 0;
    va_list args;

    crash_if_marked(path);
    if (flags & (O_CREAT | O_TMPFILE)) {
        va_start(args, flags);
        mode = va_arg(args, mode_t);
        va_end(args);
    }
    *(void **) &real = dlsym(RTLD_NEXT, "open");
    return real(path, flags, mode);
}
