/*
 * LD_PRELOAD library: no read or write moves more than $SHORT_BYTES bytes at a time, as the
 * kernel and file systems may do. Only of regular files: an eventfd, say, refuses fewer than
 * its eight. (Calls that the C library makes for itself, for stdio, cannot be seen.)
 */
#include <dlfcn.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

typedef union function {
    void *pointer;
    ssize_t (*read)(int, void *, size_t);
    ssize_t (*write)(int, const void *, size_t);
    ssize_t (*pread)(int, void *, size_t, off_t);
    ssize_t (*pwrite)(int, const void *, size_t, off_t);
} function;

static function
next(const char *name)
{
    return (function){ .pointer = dlsym(RTLD_NEXT, name) };
}

static size_t
some(int fd, size_t n)
{
    const char *text = getenv("SHORT_BYTES");
    struct stat info;
    const size_t most =
        text && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) ? (size_t) atol(text) : SIZE_MAX;

    return n < most ? n : most;
}

ssize_t
read(int fd, void *bytes, size_t n)
{
    return next("read").read(fd, bytes, some(fd, n));
}

ssize_t
write(int fd, const void *bytes, size_t n)
{
    return next("write").write(fd, bytes, some(fd, n));
}

ssize_t
pread(int fd, void *bytes, size_t n, off_t at)
{
    return next("pread").pread(fd, bytes, some(fd, n), at);
}

ssize_t
pread64(int fd, void *bytes, size_t n, off_t at)
{
    return next("pread64").pread(fd, bytes, some(fd, n), at);
}

ssize_t
pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    return next("pwrite").pwrite(fd, bytes, some(fd, n), at);
}

ssize_t
pwrite64(int fd, const void *bytes, size_t n, off_t at)
{
    return next("pwrite64").pwrite(fd, bytes, some(fd, n), at);
}
