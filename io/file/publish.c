#include "io/file/publish.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "engine/base/memory.h"
#include "io/file/file_open.h"
#include "io/file/path.h"

enum { LONGEST_HOST = 64, MOST_LINKS = 8 };

size_t
ac_publish_longest_name(const char *folder)
{
    const long said = pathconf(folder, _PC_NAME_MAX); /* 143 on encrypted folders of some NAS */

    return said > 0 && said < NAME_MAX ? (size_t) said : NAME_MAX;
}

/* Of [n] the first `most` bytes or fewer, so that no character of UTF-8 is cut. */
static size_t
cut_name(const char *name, size_t n, size_t most)
{
    if (n <= most)
        return n;
    while (most && ((unsigned char) name[most] & 0xc0) == 0x80)
        most--;
    return most;
}

/* .tmp.HOST.PID; of a host's name that is longer than Linux allows, a beginning and a hash. */
static void
write_ending(char ending[LONGEST_HOST + 32])
{
    char host[256] = "";
    int n;

    gethostname(host, sizeof host - 1);
    n = (int) strlen(host);
    for (char *c = host; *c; c++)
        if (*c == '/')
            *c = '_';
    if (n > LONGEST_HOST) {
        const unsigned long long hash = XXH3_64bits(host, (size_t) n);
        n = snprintf(host + LONGEST_HOST - 17, 18, ".%016llx", hash) + LONGEST_HOST - 17;
    }
    snprintf(ending, LONGEST_HOST + 32, ".tmp.%.*s.%d", n, host, (int) getpid());
}

/* The number at the end of /proc/PID/fd/N, where PID is this process. */
static int
descriptor_at(const char *folder, const char *name)
{
    char own[64], real[PATH_MAX];

    snprintf(own, sizeof own, "/proc/%d/fd", (int) getpid());
    return *name && strspn(name, "0123456789") == strlen(name) && strlen(name) < 9 &&
                   realpath(folder, real) && strcmp(real, own) == 0
               ? atoi(name)
               : -1;
}

/* The open file that this path is another name of: /dev/stdout, /dev/fd/3; -1: none. */
static int
descriptor_of(const char *path)
{
    char name[PATH_MAX], folder[PATH_MAX], target[PATH_MAX];
    int found = -1;

    if (strlen(path) >= sizeof name)
        return -1;
    strcpy(name, path);
    for (int links = 0; links < MOST_LINKS && found < 0; links++) {
        char *slash = strrchr(name, '/');
        const size_t n = slash ? (size_t) (slash - name) + 1 : 0;
        ssize_t size;
        memcpy(folder, n ? name : "./", n ? n : 2);
        folder[n ? n : 2] = '\0';
        found = descriptor_at(folder, name + n);
        size = readlink(name, target, sizeof target - 1);
        if (size <= 0 || (target[0] != '/' && n + (size_t) size >= sizeof name))
            return found;
        target[size] = '\0';
        strcpy(target[0] == '/' ? name : name + n, target);
    }
    return found;
}

ac_status
ac_publish_open_stream(int *file, const char *path)
{
    const int descriptor = descriptor_of(path);
    struct stat info;

    *file = -1;
    if (descriptor >= 0)
        *file = dup(descriptor);
    else if (stat(path, &info) != 0 || (!S_ISCHR(info.st_mode) && !S_ISFIFO(info.st_mode)))
        return AC_OK;
    else
        *file = ac_file_open_for(path, O_WRONLY | O_CLOEXEC);
    return *file >= 0 ? AC_OK
                      : ac_error_set(ac_io_failure(errno), "%s: cannot be written: %s", path,
                                     strerror(errno));
}

/* What is there must be a file or a link to one, and else a folder must be there for it. */
static ac_status
check_replaced(const char *path)
{
    const char *slash = strrchr(path, '/');
    struct stat info;
    char *folder = NULL;
    ac_status st = AC_OK;

    if (stat(path, &info) == 0) {
        if (S_ISREG(info.st_mode) && descriptor_of(path) < 0)
            return AC_OK;
        if (S_ISDIR(info.st_mode))
            return ac_error_set(AC_E_IO, "%s: a folder; this needs the name of a file", path);
        return ac_error_set(AC_E_ARG,
                            "%s: a device, a pipe or an open file; this needs the name of a "
                            "file",
                            path);
    }
    if (!slash || slash == path)
        return AC_OK;
    st = ac_duplicate(&folder, path, (size_t) (slash - path));
    if (st == AC_OK && stat(folder, &info) != 0 && errno == ENOENT)
        st =
            ac_error_set(AC_E_IO, "%s: cannot be written: there is no folder %s", path, folder);
    free(folder);
    return st;
}

ac_status
ac_publish_temporary(char **out, const char *path)
{
    const ac_status st = check_replaced(path);

    return st == AC_OK ? ac_publish_temporary_folder(out, path) : st;
}

ac_status
ac_publish_temporary_folder(char **out, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const size_t folder_size = (size_t) (name - path), name_size = strlen(name);
    char ending[LONGEST_HOST + 32], *folder = NULL;
    size_t ending_size, most;
    ac_status st = AC_OK;

    write_ending(ending);
    ending_size = strlen(ending);
    AC_TRY(ac_path_format(&folder, "%.*s", (int) folder_size, folder_size ? path : "."));
    most = ac_publish_longest_name(folder_size ? folder : ".");
    if (folder_size + most >= PATH_MAX)
        most = folder_size < PATH_MAX ? PATH_MAX - 1 - folder_size : 0;
    if (name_size + ending_size <= most) {
        st = ac_path_format(out, "%s%s", path, ending);
        goto out;
    }
    /* the beginning, and a hash in place of the rest */
    most = most > ending_size + 17 ? most - ending_size - 17 : 0;
    st = ac_path_format(out, "%.*s%.*s.%016llx%s", (int) folder_size, path,
                        (int) cut_name(name, name_size, most), name,
                        (unsigned long long) XXH3_64bits(name, name_size), ending);
out:
    free(folder);
    return st;
}

ac_status
ac_publish_sync_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = NULL;
    ac_status st =
        slash ? ac_duplicate(&folder, path, slash == path ? 1 : (size_t) (slash - path))
              : ac_duplicate(&folder, ".", 1);
    int fd;

    if (st != AC_OK)
        return st;
    fd = ac_file_open_for(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* EINVAL, ENOTSUP: a file system whose folders cannot be synced; EACCES: a folder that may
     * be written and not read. The change has happened all the same. */
    if (fd < 0 ? errno != EACCES : fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP)
        st = ac_error_set(ac_io_failure(errno), "%s: the folder cannot be synced: %s", folder,
                          strerror(errno));
    if (fd >= 0)
        close(fd);
    free(folder);
    return st;
}

bool
ac_publish_is_left_over(const char *ending)
{
    char own[LONGEST_HOST + 32];
    const char *dot = strrchr(ending, '.');
    const size_t n = dot ? (size_t) (dot - ending) : 0;
    long pid;

    write_ending(own); /* .tmp.HOST.PID */
    if (!n || strlen(own) < 5 + n || strncmp(own + 5, ending, n) != 0 || own[5 + n] != '.' ||
        strspn(own + 6 + n, "0123456789") != strlen(own + 6 + n) ||
        strspn(dot + 1, "0123456789") != strlen(dot + 1))
        return false;
    pid = strtol(dot + 1, NULL, 10);
    return pid > 0 && pid < INT_MAX && kill((pid_t) pid, 0) != 0 && errno == ESRCH;
}

void
ac_publish_remove_left_over(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const size_t n = strlen(name);
    char *folder = NULL;
    struct dirent *entry;
    DIR *d;

    if (ac_path_format(&folder, "%.*s", slash ? (int) (slash - path) + 1 : 2,
                       slash ? path : "./") != AC_OK)
        return;
    d = *name ? opendir(folder) : NULL;
    while (d && (entry = readdir(d)))
        if (strncmp(entry->d_name, name, n) == 0 &&
            strncmp(entry->d_name + n, ".tmp.", 5) == 0 &&
            ac_publish_is_left_over(entry->d_name + n + 5))
            (void) unlinkat(dirfd(d), entry->d_name, 0);
    if (d)
        closedir(d);
    free(folder);
}

ac_status
ac_publish_rename(const char *temporary, const char *path)
{
    if (rename(temporary, path) != 0)
        return ac_error_set(ac_io_failure(errno), "%s: cannot be renamed to %s: %s", temporary,
                            path, strerror(errno));
    return ac_publish_sync_name(path);
}

ac_status
ac_publish_remove(const char *path)
{
    int tries = 0, result;

    do {
        result = unlink(path);
    } while (result != 0 && ac_file_try_again(errno, &tries));
    if (result == 0)
        return ac_publish_sync_name(path);
    if (errno == ENOENT)
        return AC_OK;
    return ac_error_set(ac_io_failure(errno), "%s: cannot be removed: %s", path,
                        strerror(errno));
}

ac_status
ac_publish_try(const char *folder)
{
    char *path = NULL, *temporary = NULL;
    ac_status st = AC_OK;
    int fd;

    AC_TRY(ac_path_format(&path, "%s/.antarctic", folder));
    AC_TRY(ac_publish_temporary(&temporary, path));
    fd = ac_file_open_for(temporary, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        AC_FAIL(ac_io_failure(errno), "%s: no file can be made there: %s", folder,
                strerror(errno));
    close(fd);
    unlink(temporary);
out:
    free(path);
    free(temporary);
    return st;
}

static ac_status
write_all(int fd, const char *bytes, size_t n, const char *path)
{
    if (!ac_file_write(fd, bytes, n))
        return ac_error_set(ac_io_failure(errno), "%s: cannot be written: %s", path,
                            strerror(errno));
    if (fsync(fd) != 0)
        return ac_error_set(ac_io_failure(errno), "%s: cannot be synced: %s", path,
                            strerror(errno));
    return AC_OK;
}

static ac_status
write_stream(int fd, const void *bytes, size_t n, const char *path)
{
    const bool written = ac_file_write(fd, bytes, n);
    const int why = errno;

    return close(fd) == 0 && written
               ? AC_OK
               : ac_error_set(ac_io_failure(written ? errno : why), "%s: cannot be written: %s",
                              path, strerror(written ? errno : why));
}

ac_status
ac_publish_file(const char *path, const void *bytes, size_t n)
{
    ac_status st;
    char *temporary = NULL;
    int fd = -1;

    AC_TRY(ac_publish_open_stream(&fd, path));
    if (fd >= 0)
        return write_stream(fd, bytes, n, path);
    AC_TRY(ac_publish_temporary(&temporary, path));
    fd = ac_file_open_for(temporary, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        AC_FAIL(ac_io_failure(errno), "%s: cannot be created: %s", temporary, strerror(errno));
    AC_TRY(write_all(fd, bytes, n, temporary));
    if (close(fd) != 0) {
        fd = -1;
        AC_FAIL(ac_io_failure(errno), "%s: cannot be written: %s", temporary, strerror(errno));
    }
    fd = -1;
    st = ac_publish_rename(temporary, path);
out:
    if (fd >= 0)
        close(fd);
    if (st != AC_OK && temporary)
        unlink(temporary);
    free(temporary);
    return st;
}
