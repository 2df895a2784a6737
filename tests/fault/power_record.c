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
 * Longer than 600 lines: a preloaded library is one source, and each call that it stands for is
 * a short function. */
#include "power_log.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FILES = 65536 };

typedef union function {
    void *pointer;
    int (*open)(const char *, int, ...);
    int (*openat)(int, const char *, int, ...);
    ssize_t (*write)(int, const void *, size_t);
    ssize_t (*pwrite)(int, const void *, size_t, off_t);
    ssize_t (*writev)(int, const struct iovec *, int);
    ssize_t (*pwritev)(int, const struct iovec *, int, off_t);
    int (*resize)(int, off_t);
    int (*allocate)(int, off_t, off_t);
    int (*fallocate)(int, int, off_t, off_t);
    int (*fd)(int);
    int (*path)(const char *);
    int (*two)(const char *, const char *);
    int (*two_at)(int, const char *, int, const char *);
    int (*two_flags)(int, const char *, int, const char *, int);
    int (*two_unsigned)(int, const char *, int, const char *, unsigned);
    int (*at)(int, const char *, int);
    int (*make)(const char *, mode_t);
    int (*make_at)(int, const char *, mode_t);
    FILE *(*fopen)(const char *, const char *);
    size_t (*fwrite)(const void *, size_t, size_t, FILE *);
    int (*stream)(FILE *);
} function;

static const char *root, *log_path;
static int log_file = -1, *owner; /* of the lock: a process, 0 for none; shared by all */
static bool watched[FILES];
static int64_t seen[FILES]; /* bytes that are in the log already, of a watched file */

static function
next(const char *name)
{
    return (function){ .pointer = dlsym(RTLD_NEXT, name) };
}

/* ---- the log ---- */

static void __attribute__((constructor)) begin(void)
{
    char lock[PATH_MAX];
    int file;

    root = getenv("POWER_ROOT");
    log_path = getenv("POWER_LOG");
    if (!root || !log_path) {
        root = NULL;
        return;
    }
    snprintf(lock, sizeof lock, "%s.lock", log_path);
    log_file = (int) syscall(SYS_openat, AT_FDCWD, log_path,
                             O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC, 0644);
    file = (int) syscall(SYS_openat, AT_FDCWD, lock, O_CREAT | O_RDWR | O_CLOEXEC, 0644);
    if (log_file < 0 || file < 0 || syscall(SYS_ftruncate, file, (off_t) sizeof *owner) != 0 ||
        (owner = mmap(NULL, sizeof *owner, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)) ==
            MAP_FAILED)
        abort();
    syscall(SYS_close, file);
}

/* Around an operation and its record. A holder that is gone has lost the lock. */
static void
lock(void)
{
    const int me = (int) getpid();

    for (long turns = 1;; turns++) {
        int holder = 0;
        if (__atomic_compare_exchange_n(owner, &holder, me, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
            return;
        if (turns % 1000 == 0 && kill(holder, 0) != 0 && errno == ESRCH &&
            __atomic_compare_exchange_n(owner, &holder, me, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
            return;
        sched_yield();
    }
}

static void
unlock(void)
{
    __atomic_store_n(owner, 0, __ATOMIC_SEQ_CST);
}

static void
put(const void *bytes, size_t n)
{
    for (size_t at = 0; at < n;) {
        const long done = syscall(SYS_write, log_file, (const char *) bytes + at, n - at);
        if (done <= 0)
            abort();
        at += (size_t) done;
    }
}

/* errno stays what it was. */
static void
record(power_kind kind, uint64_t inode, const char *path, const char *path2, int64_t at,
       size_t n, const void *bytes)
{
    const int error = errno;
    const power_record r = {
        (uint32_t) kind,         (uint32_t) getpid(),     inode, (uint64_t) at, (uint64_t) n,
        (uint32_t) strlen(path), (uint32_t) strlen(path2)
    };

    put(&r, sizeof r);
    put(path, r.path);
    put(path2, r.path2);
    put(bytes, n);
    errno = error;
}

/* ---- which files ---- */

static uint64_t
inode_of(int fd)
{
    struct stat info;

    return fstat(fd, &info) == 0 ? info.st_ino : 0;
}

static bool
is_watched(int fd)
{
    return root && fd >= 0 && fd < FILES && watched[fd];
}

/* Without ".", ".." and double slashes. */
static void
normalise(char *path)
{
    char *out = path;

    for (char *in = path; *in;) {
        char *end;
        size_t n;
        while (*in == '/')
            in++;
        end = strchrnul(in, '/');
        n = (size_t) (end - in);
        if (n == 2 && memcmp(in, "..", 2) == 0) {
            while (out > path && *--out != '/')
                ;
        } else if (n && !(n == 1 && *in == '.')) {
            *out++ = '/';
            memmove(out, in, n);
            out += n;
        }
        in = end;
    }
    *out = '\0';
}

/* The path below the root; false where it is elsewhere. */
static bool
is_ours(int folder, const char *path, char below[PATH_MAX])
{
    char whole[2 * PATH_MAX], link[64], base[PATH_MAX] = "";
    size_t n;
    ssize_t got;

    if (!root || !path)
        return false;
    if (path[0] != '/' && folder == AT_FDCWD && !getcwd(base, sizeof base))
        return false;
    if (path[0] != '/' && folder != AT_FDCWD) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        if ((got = readlink(link, base, sizeof base - 1)) < 0)
            return false;
        base[got] = '\0';
    }
    if (snprintf(whole, sizeof whole, "%s/%s", base, path) >= PATH_MAX)
        return false;
    normalise(whole);
    n = strlen(root);
    if (strncmp(whole, root, n) != 0 || (whole[n] != '/' && whole[n] != '\0'))
        return false;
    snprintf(below, PATH_MAX, "%s", whole[n] ? whole + n + 1 : "");
    return true;
}

static bool
is_there(int folder, const char *path)
{
    struct stat info;

    return fstatat(folder, path, &info, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Locked: a file was opened. */
static void
opened(int fd, const char *below, bool created, bool emptied)
{
    struct stat info;

    if (fd < 0 || fd >= FILES || fstat(fd, &info) != 0)
        return;
    watched[fd] = true;
    seen[fd] = info.st_size;
    record(created ? POWER_CREATE : POWER_OPEN, info.st_ino, below, "", 0, 0, NULL);
    if (emptied && !created)
        record(POWER_SIZE, info.st_ino, "", "", 0, 0, NULL);
}

/* Locked: what has been written behind the log's back is at the end. */
static void
catch_up(int fd)
{
    const int error = errno;
    char link[64], block[65536];
    struct stat info;
    long copy;

    if (!is_watched(fd) || fstat(fd, &info) != 0 || info.st_size <= seen[fd])
        return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    copy = syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC);
    while (copy >= 0 && seen[fd] < info.st_size) {
        const long n = syscall(SYS_pread64, copy, block, sizeof block, seen[fd]);
        if (n <= 0)
            break;
        record(POWER_WRITE, info.st_ino, "", "", seen[fd], (size_t) n, block);
        seen[fd] += n;
    }
    if (copy >= 0)
        syscall(SYS_close, copy);
    errno = error;
}

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

    if (!is_ours(folder, path, below))
        return folder == AT_FDCWD ? next("open").open(path, flags, mode)
                                  : next("openat").openat(folder, path, flags, mode);
    lock();
    there = is_there(folder, path);
    fd = next("openat").openat(folder, path, flags, mode);
    opened(fd, nameless ? "" : below, nameless || (!there && (flags & O_CREAT)),
           flags & O_TRUNC);
    unlock();
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

    if (!is_ours(AT_FDCWD, path, below))
        return next("fopen").fopen(path, mode);
    lock();
    there = is_there(AT_FDCWD, path);
    f = next("fopen").fopen(path, mode);
    if (f)
        opened(fileno(f), below, !there && mode[0] != 'r', mode[0] == 'w');
    unlock();
    return f;
}

int
close(int fd)
{
    if (is_watched(fd)) {
        lock();
        catch_up(fd);
        watched[fd] = false;
        unlock();
    }
    return next("close").fd(fd);
}

/* ---- writing ---- */

/* Locked: n bytes of `parts` were written at `at`. */
static void
wrote(int fd, const struct iovec *parts, int64_t at, ssize_t n)
{
    const uint64_t inode = inode_of(fd);

    for (; n > 0; parts++) {
        const size_t some = parts->iov_len < (size_t) n ? parts->iov_len : (size_t) n;
        record(POWER_WRITE, inode, "", "", at, some, parts->iov_base);
        at += (int64_t) some;
        n -= (ssize_t) some;
    }
    if (at > seen[fd])
        seen[fd] = at;
}

ssize_t
writev(int fd, const struct iovec *parts, int count)
{
    ssize_t n;

    if (!is_watched(fd))
        return next("writev").writev(fd, parts, count);
    lock();
    n = next("writev").writev(fd, parts, count);
    if (n > 0) {
        const int error = errno;
        wrote(fd, parts, lseek(fd, 0, SEEK_CUR) - n, n); /* after an append, too */
        errno = error;
    }
    unlock();
    return n;
}

ssize_t
write(int fd, const void *bytes, size_t n)
{
    const struct iovec part = { (void *) (uintptr_t) bytes, n };

    return is_watched(fd) ? writev(fd, &part, 1) : next("write").write(fd, bytes, n);
}

static ssize_t
do_pwrite(int fd, const struct iovec *parts, int count, off_t at)
{
    ssize_t n;

    lock();
    n = next("pwritev").pwritev(fd, parts, count, at);
    if (n > 0)
        wrote(fd, parts, at, n);
    unlock();
    return n;
}

ssize_t
pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    return is_watched(fd) ? do_pwrite(fd, parts, count, at)
                          : next("pwritev").pwritev(fd, parts, count, at);
}

ssize_t
pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    const struct iovec part = { (void *) (uintptr_t) bytes, n };

    return is_watched(fd) ? do_pwrite(fd, &part, 1, at)
                          : next("pwrite").pwrite(fd, bytes, n, at);
}

/* Locked: the file may have another size now. */
static void
resized(int fd)
{
    const int error = errno;
    struct stat info;

    if (fstat(fd, &info) == 0) {
        record(POWER_SIZE, info.st_ino, "", "", info.st_size, 0, NULL);
        seen[fd] = info.st_size;
    }
    errno = error;
}

#define RESIZING(name, call)     \
    int result;                  \
    if (!is_watched(fd))         \
        return next(#name).call; \
    lock();                      \
    result = next(#name).call;   \
    resized(fd);                 \
    unlock();                    \
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

    if (!is_watched(fileno(f)))
        return next("fwrite").fwrite(bytes, size, n, f);
    lock();
    done = next("fwrite").fwrite(bytes, size, n, f);
    catch_up(fileno(f));
    unlock();
    return done;
}

int
fflush(FILE *f)
{
    int result;

    if (!f || !is_watched(fileno(f)))
        return next("fflush").stream(f);
    lock();
    result = next("fflush").stream(f);
    catch_up(fileno(f));
    unlock();
    return result;
}

int
fclose(FILE *f)
{
    const int fd = fileno(f);

    if (is_watched(fd)) {
        fflush(f); /* where that fails, so does the closing */
        watched[fd] = false;
    }
    return next("fclose").stream(f);
}

/* ---- syncing ---- */

static int
do_sync(int fd)
{
    lock();
    catch_up(fd);
    record(POWER_SYNC, inode_of(fd), "", "", 0, 0, NULL);
    unlock();
    return 0;
}

int
fsync(int fd)
{
    return is_watched(fd) ? do_sync(fd) : next("fsync").fd(fd);
}

int
fdatasync(int fd)
{
    return is_watched(fd) ? do_sync(fd) : next("fdatasync").fd(fd);
}

/* ---- names ---- */

/* Locked. One side outside the folder: as if the other were made or removed. */
static void
renamed(bool from_ours, const char *from, bool to_ours, const char *to)
{
    if (from_ours && to_ours)
        record(POWER_RENAME, 0, from, to, 0, 0, NULL);
    else if (from_ours)
        record(POWER_UNLINK, 0, from, "", 0, 0, NULL);
    else
        abort(); /* a file that was never watched */
}

int
renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    char a[PATH_MAX] = "", b[PATH_MAX] = "";
    const bool from_ours = is_ours(from_folder, from, a), to_ours = is_ours(to_folder, to, b);
    long result;

    if (!from_ours && !to_ours)
        return next("renameat2").two_unsigned(from_folder, from, to_folder, to, flags);
    lock();
    result = syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
    if (result == 0)
        renamed(from_ours, a, to_ours, b);
    unlock();
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

    if (!is_ours(to_folder, to, below))
        return next("linkat").two_flags(from_folder, from, to_folder, to, flags);
    lock();
    result = next("linkat").two_flags(from_folder, from, to_folder, to, flags);
    if (result == 0 && fstatat(to_folder, to, &info, AT_SYMLINK_NOFOLLOW) == 0)
        record(POWER_LINK, info.st_ino, below, "", 0, 0, NULL);
    unlock();
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

    if (!is_ours(folder, path, below))
        return next("unlinkat").at(folder, path, flags);
    lock();
    result = next("unlinkat").at(folder, path, flags);
    if (result == 0)
        record(POWER_UNLINK, 0, below, "", 0, 0, NULL);
    unlock();
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

    if (!is_ours(folder, path, below))
        return next("mkdirat").make_at(folder, path, mode);
    lock();
    result = next("mkdirat").make_at(folder, path, mode);
    if (result == 0 && fstatat(folder, path, &info, 0) == 0)
        record(POWER_FOLDER, info.st_ino, below, "", 0, 0, NULL);
    unlock();
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
