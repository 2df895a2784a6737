/*
 * LD_PRELOAD library: writes down, in one order for all processes, what is done to the files
 * under a folder: created, written, resized, renamed, linked, removed, synced. power_replay
 * makes of it what the folder may hold after a power loss. Syncing is written down and not
 * done.
 *
 *     POWER_ROOT  the folder: absolute, without symbolic links
 *     POWER_LOG   records (power_log.h) are appended here
 *
 * What stdio writes by itself is found by looking at the file, where a stream is written or
 * flushed. Files that are written through a mapping are not followed.
 */
#include "power_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- opening ---- */

#define MODE(flags, mode)                  \
    mode_t mode = 0;                       \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list list;                      \
        va_start(list, flags);             \
        mode = va_arg(list, mode_t);       \
        va_end(list);                      \
    }

static int
do_open(int folder, const char *path, int flags, mode_t mode)
{
    const bool nameless = (flags & O_TMPFILE) == O_TMPFILE;
    char below[PATH_MAX];
    bool there;
    int fd;

    if (!power_is_ours(folder, path, below))
        return folder == AT_FDCWD ? power_next("open").open(path, flags, mode)
                                  : power_next("openat").openat(folder, path, flags, mode);
    power_lock();
    there = power_is_there(folder, path);
    fd = power_next("openat").openat(folder, path, flags, mode);
    power_opened(fd, nameless ? "" : below, nameless || (!there && (flags & O_CREAT)),
                 flags & O_TRUNC);
    power_unlock();
    return fd;
}

int
open(const char *path, int flags, ...)
{
    MODE(flags, mode)
    return do_open(AT_FDCWD, path, flags, mode);
}

int
openat(int folder, const char *path, int flags, ...)
{
    MODE(flags, mode)
    return do_open(folder, path, flags, mode);
}

int
creat(const char *path, mode_t mode)
{
    return do_open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

FILE *
fopen(const char *path, const char *mode)
{
    char below[PATH_MAX];
    bool there;
    FILE *f;

    if (!power_is_ours(AT_FDCWD, path, below))
        return power_next("fopen").fopen(path, mode);
    power_lock();
    there = power_is_there(AT_FDCWD, path);
    f = power_next("fopen").fopen(path, mode);
    if (f)
        power_opened(fileno(f), below, !there && mode[0] != 'r', mode[0] == 'w');
    power_unlock();
    return f;
}

int
close(int fd)
{
    if (power_is_watched(fd)) {
        power_lock();
        power_catch_up(fd);
        power_watched[fd] = false;
        power_unlock();
    }
    return power_next("close").fd(fd);
}

/* ---- writing ---- */

/* Locked: n bytes of `parts` were written at `at`. */
static void
wrote(int fd, const struct iovec *parts, int64_t at, ssize_t n)
{
    const uint64_t inode = power_inode(fd);

    for (; n > 0; parts++) {
        const size_t some = parts->iov_len < (size_t) n ? parts->iov_len : (size_t) n;
        power_put(POWER_WRITE, inode, "", "", at, some, parts->iov_base);
        at += (int64_t) some;
        n -= (ssize_t) some;
    }
    if (at > power_seen[fd])
        power_seen[fd] = at;
}

ssize_t
writev(int fd, const struct iovec *parts, int count)
{
    ssize_t n;

    if (!power_is_watched(fd))
        return power_next("writev").writev(fd, parts, count);
    power_lock();
    n = power_next("writev").writev(fd, parts, count);
    if (n > 0) {
        const int error = errno;
        wrote(fd, parts, lseek(fd, 0, SEEK_CUR) - n, n); /* after an append, too */
        errno = error;
    }
    power_unlock();
    return n;
}

ssize_t
write(int fd, const void *bytes, size_t n)
{
    const struct iovec part = { (void *) (uintptr_t) bytes, n };

    return power_is_watched(fd) ? writev(fd, &part, 1)
                                : power_next("write").write(fd, bytes, n);
}

static ssize_t
do_pwrite(int fd, const struct iovec *parts, int count, off_t at)
{
    ssize_t n;

    power_lock();
    n = power_next("pwritev").pwritev(fd, parts, count, at);
    if (n > 0)
        wrote(fd, parts, at, n);
    power_unlock();
    return n;
}

ssize_t
pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    return power_is_watched(fd) ? do_pwrite(fd, parts, count, at)
                                : power_next("pwritev").pwritev(fd, parts, count, at);
}

ssize_t
pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    const struct iovec part = { (void *) (uintptr_t) bytes, n };

    return power_is_watched(fd) ? do_pwrite(fd, &part, 1, at)
                                : power_next("pwrite").pwrite(fd, bytes, n, at);
}

/* Locked: the file may have another size now. */
static void
resized(int fd)
{
    const int error = errno;
    struct stat info;

    if (fstat(fd, &info) == 0) {
        power_put(POWER_SIZE, info.st_ino, "", "", info.st_size, 0, NULL);
        power_seen[fd] = info.st_size;
    }
    errno = error;
}

#define RESIZING(name, call)           \
    int result;                        \
    if (!power_is_watched(fd))         \
        return power_next(#name).call; \
    power_lock();                      \
    result = power_next(#name).call;   \
    resized(fd);                       \
    power_unlock();                    \
    return result;

int
ftruncate(int fd, off_t size)
{
    RESIZING(ftruncate, resize(fd, size))
}

int
posix_fallocate(int fd, off_t at, off_t n)
{
    RESIZING(posix_fallocate, allocate(fd, at, n))
}

int
fallocate(int fd, int mode, off_t at,
          off_t n){ RESIZING(fallocate, fallocate(fd, mode, at, n)) }

size_t fwrite(const void *bytes, size_t size, size_t n, FILE *f)
{
    size_t done;

    if (!power_is_watched(fileno(f)))
        return power_next("fwrite").fwrite(bytes, size, n, f);
    power_lock();
    done = power_next("fwrite").fwrite(bytes, size, n, f);
    power_catch_up(fileno(f));
    power_unlock();
    return done;
}

int
fflush(FILE *f)
{
    int result;

    if (!f || !power_is_watched(fileno(f)))
        return power_next("fflush").stream(f);
    power_lock();
    result = power_next("fflush").stream(f);
    power_catch_up(fileno(f));
    power_unlock();
    return result;
}

int
fclose(FILE *f)
{
    const int fd = fileno(f);

    if (power_is_watched(fd)) {
        fflush(f); /* where that fails, so does the closing */
        power_watched[fd] = false;
    }
    return power_next("fclose").stream(f);
}

/* ---- syncing ---- */

static int
do_sync(int fd)
{
    power_lock();
    power_catch_up(fd);
    power_put(POWER_SYNC, power_inode(fd), "", "", 0, 0, NULL);
    power_unlock();
    return 0;
}

int
fsync(int fd)
{
    return power_is_watched(fd) ? do_sync(fd) : power_next("fsync").fd(fd);
}

int
fdatasync(int fd)
{
    return power_is_watched(fd) ? do_sync(fd) : power_next("fdatasync").fd(fd);
}

/* ---- names ---- */

/* Locked. One side outside the folder: as if the other were made or removed. */
static void
renamed(bool from_ours, const char *from, bool to_ours, const char *to)
{
    if (from_ours && to_ours)
        power_put(POWER_RENAME, 0, from, to, 0, 0, NULL);
    else if (from_ours)
        power_put(POWER_UNLINK, 0, from, "", 0, 0, NULL);
    else
        abort(); /* a file that was never watched */
}

int
renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    char a[PATH_MAX] = "", b[PATH_MAX] = "";
    const bool from_ours = power_is_ours(from_folder, from, a),
               to_ours = power_is_ours(to_folder, to, b);
    long result;

    if (!from_ours && !to_ours)
        return power_next("renameat2").two_unsigned(from_folder, from, to_folder, to, flags);
    power_lock();
    result = syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
    if (result == 0)
        renamed(from_ours, a, to_ours, b);
    power_unlock();
    return (int) result;
}

int
rename(const char *from, const char *to)
{
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    return renameat2(from_folder, from, to_folder, to, 0);
}

int
linkat(int from_folder, const char *from, int to_folder, const char *to, int flags)
{
    char below[PATH_MAX];
    struct stat info;
    int result;

    if (!power_is_ours(to_folder, to, below))
        return power_next("linkat").two_flags(from_folder, from, to_folder, to, flags);
    power_lock();
    result = power_next("linkat").two_flags(from_folder, from, to_folder, to, flags);
    if (result == 0 && fstatat(to_folder, to, &info, AT_SYMLINK_NOFOLLOW) == 0)
        power_put(POWER_LINK, info.st_ino, below, "", 0, 0, NULL);
    power_unlock();
    return result;
}

int
link(const char *from, const char *to)
{
    return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
unlinkat(int folder, const char *path, int flags)
{
    char below[PATH_MAX];
    int result;

    if (!power_is_ours(folder, path, below))
        return power_next("unlinkat").at(folder, path, flags);
    power_lock();
    result = power_next("unlinkat").at(folder, path, flags);
    if (result == 0)
        power_put(POWER_UNLINK, 0, below, "", 0, 0, NULL);
    power_unlock();
    return result;
}

int
unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

int
rmdir(const char *path)
{
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int
remove(const char *path)
{
    const int result = unlinkat(AT_FDCWD, path, 0);

    return result != 0 && errno == EISDIR ? rmdir(path) : result;
}

int
mkdirat(int folder, const char *path, mode_t mode)
{
    char below[PATH_MAX];
    struct stat info;
    int result;

    if (!power_is_ours(folder, path, below))
        return power_next("mkdirat").make_at(folder, path, mode);
    power_lock();
    result = power_next("mkdirat").make_at(folder, path, mode);
    if (result == 0 && fstatat(folder, path, &info, 0) == 0)
        power_put(POWER_FOLDER, info.st_ino, below, "", 0, 0, NULL);
    power_unlock();
    return result;
}

int
mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}

/* ---- the same with 64 bits, as all sizes have here ---- */

#define SAME(name) __attribute__((alias(#name)))

int open64(const char *path, int flags, ...) SAME(open);
int openat64(int folder, const char *path, int flags, ...) SAME(openat);
int creat64(const char *path, mode_t mode) SAME(creat);
FILE *fopen64(const char *path, const char *mode) SAME(fopen);
ssize_t pwrite64(int fd, const void *bytes, size_t n, off_t at) SAME(pwrite);
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t at) SAME(pwritev);
int ftruncate64(int fd, off_t size) SAME(ftruncate);
int posix_fallocate64(int fd, off_t at, off_t n) SAME(posix_fallocate);
int fallocate64(int fd, int mode, off_t at, off_t n) SAME(fallocate);
