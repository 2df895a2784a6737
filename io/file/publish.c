#include "io/file/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "io/file/path.h"

ac_status
ac_io_failure(int error_number)
{
    switch (error_number) {
    case EIO:
    case ESTALE:
    case ETIMEDOUT:
    case EAGAIN:
    case EINTR:
    case ENOTCONN:
    case ECONNRESET:
    case ECONNREFUSED:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENETDOWN:
    case ENETUNREACH:
    case EREMOTEIO:
    case ENFILE: return AC_E_RETRY;
    default: return AC_E_IO;
    }
}

ac_status
ac_publish_temporary(char **out, const char *path)
{
    char host[256] = "";

    gethostname(host, sizeof host - 1);
    return ac_path_format(out, "%s.tmp.%s.%d", path, host, (int) getpid());
}

static ac_status
sync_folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = NULL;
    ac_status st =
        slash ? ac_duplicate(&folder, path, slash == path ? 1 : (size_t) (slash - path))
              : ac_duplicate(&folder, ".", 1);
    int fd;

    if (st != AC_OK)
        return st;
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* EINVAL: a file system whose folders cannot be synced; the rename has happened all the
     * same */
    if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL))
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
    return sync_folder_of(path);
}

static ac_status
write_all(int fd, const char *bytes, size_t n, const char *path)
{
    while (n) {
        ssize_t done = write(fd, bytes, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return ac_error_set(ac_io_failure(errno), "%s: cannot be written: %s", path,
                                strerror(errno));
        bytes += done;
        n -= (size_t) done;
    }
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
    fd = open(temporary, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
    if (fd < 0)
        AC_FAIL(ac_io_failure(errno), "%s: cannot be created: %s", temporary, strerror(errno));
    AC_TRY(write_all(fd, bytes, n, temporary));
    if (close(fd) != 0) {
        fd = -1;
        AC_FAIL(AC_E_IO, "%s: cannot be written: %s", temporary, strerror(errno));
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
