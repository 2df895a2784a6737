/*
 * LD_PRELOAD library: a file that is mapped has lost its end when it is read.
 *
 *     MAPPED_MATCH  the file: its path ends with this
 *     MAPPED_KIND   short: it is truncated to nothing; replaced: another process has put a
 * whole file under its name meanwhile, and what is mapped is gone, as on a file server
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

/* A whole copy under the name of `path`, which gets another. */
static void
replace(const char *path)
{
    char aside[PATH_MAX + 8];
    struct stat info;
    int from, to;

    snprintf(aside, sizeof aside, "%s.aside", path);
    if (rename(path, aside) != 0 || (from = open(aside, O_RDONLY)) < 0 ||
        fstat(from, &info) != 0 || (to = open(path, O_CREAT | O_WRONLY, 0644)) < 0 ||
        sendfile(to, from, NULL, (size_t) info.st_size) != info.st_size ||
        truncate(aside, 0) != 0 || unlink(aside) != 0)
        abort();
    close(from);
    close(to);
}

static void
spoil(int fd)
{
    const char *match = getenv("MAPPED_MATCH"), *kind = getenv("MAPPED_KIND");
    char link[64], path[PATH_MAX];
    ssize_t n;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = fd < 0 || !match || !kind ? -1 : readlink(link, path, sizeof path - 1);
    if (n < (ssize_t) (match ? strlen(match) : 0))
        return;
    path[n] = '\0';
    if (strcmp(path + n - strlen(match), match) != 0)
        return;
    if (strcmp(kind, "short") != 0)
        replace(path);
    else if (truncate(path, 0) != 0)
        abort();
}

void *
mmap(void *where, size_t size, int protection, int flags, int fd, off_t at)
{
    void *(*real)(void *, size_t, int, int, int, off_t);
    void *p;

    *(void **) &real = dlsym(RTLD_NEXT, "mmap");
    p = real(where, size, protection, flags, fd, at);
    if (p != MAP_FAILED)
        spoil(fd);
    return p;
}

void *mmap64(void *where, size_t size, int protection, int flags, int fd, off_t at)
    __attribute__((alias("mmap")));
