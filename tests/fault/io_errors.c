/*
 * LD_PRELOAD library: input/output errors, as a file server that is away or a failing disk
 * gives them.
 *
 *     IO_CALL   open | read | write | fsync (of files) | fsync_folder | rename | stat (access
 *               too) | opendir | readdir | link | unlink | mkdir
 *     IO_ERRNO  the error number
 *     IO_MATCH  only files whose path contains this
 *     IO_TIMES  how often a call fails; 0: always
 *     IO_COUNT  a file that gets a byte for each call that failed
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef union function {
    void *pointer;
    int (*open)(const char *, int, ...);
    ssize_t (*read)(int, void *, size_t);
    ssize_t (*write)(int, const void *, size_t);
    ssize_t (*pread)(int, void *, size_t, off_t);
    ssize_t (*pwrite)(int, const void *, size_t, off_t);
    int (*fsync)(int);
    int (*two)(const char *, const char *);
    FILE *(*fopen)(const char *, const char *);
    int (*stat)(const char *, struct stat *);
    int (*access)(const char *, int);
    int (*one)(const char *);
    int (*mkdir)(const char *, mode_t);
    DIR *(*opendir)(const char *);
    struct dirent *(*readdir)(DIR *);
} function;

static int failed; /* calls; the tests use one thread */

static function
next(const char *name)
{
    return (function){ .pointer = dlsym(RTLD_NEXT, name) };
}

static bool
fails(const char *call, const char *path)
{
    const char *wanted = getenv("IO_CALL"), *match = getenv("IO_MATCH"),
               *times = getenv("IO_TIMES"), *number = getenv("IO_ERRNO"),
               *count = getenv("IO_COUNT");
    long fd;

    if (!wanted || !match || !number || strcmp(wanted, call) != 0 || !strstr(path, match) ||
        (times && atoi(times) && failed >= atoi(times)))
        return false;
    failed++;
    if (count &&
        (fd = syscall(SYS_openat, AT_FDCWD, count, O_CREAT | O_APPEND | O_WRONLY, 0644)) >= 0) {
        if (syscall(SYS_write, fd, ".", 1) != 1)
            abort();
        syscall(SYS_close, fd);
    }
    errno = atoi(number);
    return true;
}

static bool
fails_on(const char *call, int fd)
{
    char link[64], path[PATH_MAX];
    ssize_t n;

    if (!getenv("IO_CALL") || strcmp(getenv("IO_CALL"), call) != 0)
        return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof path - 1);
    if (n < 0)
        return false;
    path[n] = '\0';
    return fails(call, path);
}

#define MODE(flags, mode)                  \
    mode_t mode = 0;                       \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list list;                      \
        va_start(list, flags);             \
        mode = va_arg(list, mode_t);       \
        va_end(list);                      \
    }

int
open(const char *path, int flags, ...)
{
    MODE(flags, mode)
    return fails("open", path) ? -1 : next("open").open(path, flags, mode);
}

int
open64(const char *path, int flags, ...)
{
    MODE(flags, mode)
    return fails("open", path) ? -1 : next("open64").open(path, flags, mode);
}

FILE *
fopen(const char *path, const char *mode)
{
    return fails("open", path) ? NULL : next("fopen").fopen(path, mode);
}

FILE *
fopen64(const char *path, const char *mode)
{
    return fails("open", path) ? NULL : next("fopen64").fopen(path, mode);
}

ssize_t
read(int fd, void *bytes, size_t n)
{
    return fails_on("read", fd) ? -1 : next("read").read(fd, bytes, n);
}

ssize_t
pread(int fd, void *bytes, size_t n, off_t at)
{
    return fails_on("read", fd) ? -1 : next("pread").pread(fd, bytes, n, at);
}

ssize_t
pread64(int fd, void *bytes, size_t n, off_t at)
{
    return fails_on("read", fd) ? -1 : next("pread64").pread(fd, bytes, n, at);
}

ssize_t
write(int fd, const void *bytes, size_t n)
{
    return fails_on("write", fd) ? -1 : next("write").write(fd, bytes, n);
}

ssize_t
pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    return fails_on("write", fd) ? -1 : next("pwrite").pwrite(fd, bytes, n, at);
}

ssize_t
pwrite64(int fd, const void *bytes, size_t n, off_t at)
{
    return fails_on("write", fd) ? -1 : next("pwrite64").pwrite(fd, bytes, n, at);
}

int
fsync(int fd)
{
    struct stat info;

    if (fails_on(fstat(fd, &info) == 0 && S_ISDIR(info.st_mode) ? "fsync_folder" : "fsync", fd))
        return -1;
    return next("fsync").fsync(fd);
}

int
rename(const char *from, const char *to)
{
    return fails("rename", to) ? -1 : next("rename").two(from, to);
}

int
stat(const char *restrict path, struct stat *restrict info)
{
    return fails("stat", path) ? -1 : next("stat").stat(path, info);
}

int
lstat(const char *restrict path, struct stat *restrict info)
{
    return fails("stat", path) ? -1 : next("lstat").stat(path, info);
}

int
access(const char *path, int mode)
{
    return fails("stat", path) ? -1 : next("access").access(path, mode);
}

DIR *
opendir(const char *path)
{
    return fails("opendir", path) ? NULL : next("opendir").opendir(path);
}

struct dirent *
readdir(DIR *folder)
{
    return fails_on("readdir", dirfd(folder)) ? NULL : next("readdir").readdir(folder);
}

int
link(const char *from, const char *to)
{
    return fails("link", to) ? -1 : next("link").two(from, to);
}

int
unlink(const char *path)
{
    return fails("unlink", path) ? -1 : next("unlink").one(path);
}

int
mkdir(const char *path, mode_t mode)
{
    return fails("mkdir", path) ? -1 : next("mkdir").mkdir(path, mode);
}
