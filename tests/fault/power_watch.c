/* Part of power_record: the log, and which files it is about. */
#include "power_watch.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *root, *log_path;
static int log_file = -1, *owner; /* of the lock: a process, 0 for none; shared by all */
bool power_watched[POWER_FILES];
int64_t power_seen[POWER_FILES]; /* bytes that are in the log already, of a watched file */

function
power_next(const char *name)
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
void
power_lock(void)
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

void
power_unlock(void)
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
void
power_put(power_kind kind, uint64_t inode, const char *path, const char *path2, int64_t at,
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

uint64_t
power_inode(int fd)
{
    struct stat info;

    return fstat(fd, &info) == 0 ? info.st_ino : 0;
}

bool
power_is_watched(int fd)
{
    return root && fd >= 0 && fd < POWER_FILES && power_watched[fd];
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
bool
power_is_ours(int folder, const char *path, char below[PATH_MAX])
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

bool
power_is_there(int folder, const char *path)
{
    struct stat info;

    return fstatat(folder, path, &info, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Locked: a file was opened. */
void
power_opened(int fd, const char *below, bool created, bool emptied)
{
    struct stat info;

    if (fd < 0 || fd >= POWER_FILES || fstat(fd, &info) != 0)
        return;
    power_watched[fd] = true;
    power_seen[fd] = info.st_size;
    power_put(created ? POWER_CREATE : POWER_OPEN, info.st_ino, below, "", 0, 0, NULL);
    if (emptied && !created)
        power_put(POWER_SIZE, info.st_ino, "", "", 0, 0, NULL);
}

/* Locked: what has been written behind the log's back is at the end. */
void
power_catch_up(int fd)
{
    const int error = errno;
    char link[64], block[65536];
    struct stat info;
    long copy;

    if (!power_is_watched(fd) || fstat(fd, &info) != 0 || info.st_size <= power_seen[fd])
        return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    copy = syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC);
    while (copy >= 0 && power_seen[fd] < info.st_size) {
        const long n = syscall(SYS_pread64, copy, block, sizeof block, power_seen[fd]);
        if (n <= 0)
            break;
        power_put(POWER_WRITE, info.st_ino, "", "", power_seen[fd], (size_t) n, block);
        power_seen[fd] += n;
    }
    if (copy >= 0)
        syscall(SYS_close, copy);
    errno = error;
}
