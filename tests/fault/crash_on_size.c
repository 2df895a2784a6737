/*
 * LD_PRELOAD library: a process that reads just $CRASH_ON_SIZE bytes by pread ends by the
 * signal $CRASH_SIGNAL (default 6): as if the image of that size, in a file or in a tar, met a
 * bug of a decoder.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

ssize_t
pread(int file, void *bytes, size_t n, off_t at)
{
    const char *mark = getenv("CRASH_ON_SIZE"), *number = getenv("CRASH_SIGNAL");
    ssize_t (*real)(int, void *, size_t, off_t);

    if (mark && (size_t) atoll(mark) == n) {
        kill(getpid(), number ? atoi(number) : SIGABRT);
        pause();
    }
    *(void **) &real = dlsym(RTLD_NEXT, "pread");
    return real(file, bytes, n, at);
}
