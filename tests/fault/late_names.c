/*
 * LD_PRELOAD library: a shared file system whose other clients learn of names late.
 *
 *     LATE_SECONDS  how long a name that a process has made by rename(), link() or mkdir() is
 *                   hidden from every other process
 *     LATE_ERRNO    what the others get meanwhile: 2 (ENOENT, the default) or 116 (ESTALE)
 *     LATE_MATCH    only paths that contain this
 *     LATE_NOTES    a folder for notes about names: who made them, and when
 *     LATE_HOST     the name of this host
 *
 * Names in folders that are hidden are hidden too.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

typedef union function {
    void *pointer;
    int (*open)(const char *, int, ...);
    int (*openat)(int, const char *, int, ...);
    int (*path)(const char *, int);
    int (*two)(const char *, const char *);
    int (*make)(const char *, mode_t);
    int (*stat)(const char *, struct stat *);
    FILE *(*fopen)(const char *, const char *);
    DIR *(*opendir)(const char *);
} function;

static function
next(const char *name)
{
    return (function){ .pointer = dlsym(RTLD_NEXT, name) };
}

/* The absolute path; false where the library has nothing to do with it. */
static bool
is_ours(const char *path, char whole[PATH_MAX])
{
    const char *match = getenv("LATE_MATCH");
    char folder[PATH_MAX];
    int n;

    if (!match || !getenv("LATE_SECONDS") || !getenv("LATE_NOTES") || !path)
        return false;
    if (path[0] == '/')
        n = snprintf(whole, PATH_MAX, "%s", path);
    else
        n = snprintf(whole, PATH_MAX, "%s/%s", getcwd(folder, sizeof folder) ? folder : "",
                     path);
    while (n > 1 && n < PATH_MAX && (whole[n - 1] == '/' || whole[n - 1] == '.') &&
           (whole[n - 1] == '/' || whole[n - 2] == '/'))
        whole[--n] = '\0';
    return n < PATH_MAX && strstr(whole, match);
}

static void
note_path(const char *whole, char note[PATH_MAX])
{
    uint64_t hash = 14695981039346656037u;

    for (const char *c = whole; *c; c++)
        hash = (hash ^ (unsigned char) *c) * 1099511628211u;
    snprintf(note, PATH_MAX, "%s/%016llx", getenv("LATE_NOTES"), (unsigned long long) hash);
}

static double
now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

static void
made(const char *path)
{
    char whole[PATH_MAX], note[PATH_MAX], line[64];
    int fd, n;

    if (!is_ours(path, whole))
        return;
    note_path(whole, note);
    n = snprintf(line, sizeof line, "%d %.3f\n", (int) getpid(), now());
    fd = (int) syscall(SYS_openat, AT_FDCWD, note, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    if (fd < 0)
        return;
    if (syscall(SYS_write, fd, line, n) != n)
        abort();
    syscall(SYS_close, fd);
}

/* Is this one name made by another process a moment ago? */
static bool
name_is_late(const char *whole)
{
    char note[PATH_MAX], line[64] = "";
    double since = 0;
    long n;
    int fd, pid = 0;

    note_path(whole, note);
    fd = (int) syscall(SYS_openat, AT_FDCWD, note, O_RDONLY);
    if (fd < 0)
        return false;
    n = syscall(SYS_read, fd, line, sizeof line - 1);
    syscall(SYS_close, fd);
    return n > 0 && sscanf(line, "%d %lf", &pid, &since) == 2 && pid != (int) getpid() &&
           now() - since < atof(getenv("LATE_SECONDS"));
}

/* errno is set. */
static bool
is_late(const char *path)
{
    const char *number = getenv("LATE_ERRNO");
    char whole[PATH_MAX];
    bool late = false;

    if (!is_ours(path, whole))
        return false;
    for (char *slash = whole; !late && (slash = strchr(slash + 1, '/'));) {
        *slash = '\0';
        late = name_is_late(whole);
        *slash = '/';
    }
    late = late || name_is_late(whole);
    if (late)
        errno = number ? atoi(number) : ENOENT;
    return late;
}

/* ---- making names ---- */

int
rename(const char *from, const char *to)
{
    made(to);
    return next("rename").two(from, to);
}

int
link(const char *from, const char *to)
{
    made(to);
    return next("link").two(from, to);
}

int
mkdir(const char *path, mode_t mode)
{
    const int result = next("mkdir").make(path, mode);

    if (result == 0)
        made(path);
    return result;
}

/* ---- looking at names ---- */

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
    return is_late(path) ? -1 : next("open").open(path, flags, mode);
}

int
open64(const char *path, int flags, ...)
{
    MODE(flags, mode)
    return is_late(path) ? -1 : next("open64").open(path, flags, mode);
}

int
openat(int folder, const char *path, int flags, ...)
{
    MODE(flags, mode)
    return (folder == AT_FDCWD || path[0] == '/') && is_late(path)
               ? -1
               : next("openat").openat(folder, path, flags, mode);
}

int
access(const char *path, int mode)
{
    return is_late(path) ? -1 : next("access").path(path, mode);
}

int
stat(const char *path, struct stat *out)
{
    return is_late(path) ? -1 : next("stat").stat(path, out);
}

int
stat64(const char *path, struct stat64 *out)
{
    return is_late(path) ? -1 : next("stat64").stat(path, (struct stat *) (void *) out);
}

int
lstat(const char *path, struct stat *out)
{
    return is_late(path) ? -1 : next("lstat").stat(path, out);
}

int
lstat64(const char *path, struct stat64 *out)
{
    return is_late(path) ? -1 : next("lstat64").stat(path, (struct stat *) (void *) out);
}

int
gethostname(char *name, size_t size)
{
    const char *host = getenv("LATE_HOST");

    if (!host) {
        int (*real)(char *, size_t);
        *(void **) &real = dlsym(RTLD_NEXT, "gethostname");
        return real(name, size);
    }
    snprintf(name, size, "%s", host);
    return 0;
}

FILE *
fopen(const char *path, const char *mode)
{
    return is_late(path) ? NULL : next("fopen").fopen(path, mode);
}

FILE *
fopen64(const char *path, const char *mode)
{
    return is_late(path) ? NULL : next("fopen64").fopen(path, mode);
}

DIR *
opendir(const char *path)
{
    return is_late(path) ? NULL : next("opendir").opendir(path);
}
