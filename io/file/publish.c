#include "io/file/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "engine/base/memory.h"
#include "io/file/file_open.h"
#include "io/file/path.h"

enum { LONGEST_HOST = 64 };

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

ac_status
ac_publish_temporary(char **out, const char *path)
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
    if (unlink(path) == 0)
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

ac_status
ac_publish_file(const char *path, const void *bytes, size_t n)
{
    ac_status st;
    char *temporary = NULL;
    int fd = -1;

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
