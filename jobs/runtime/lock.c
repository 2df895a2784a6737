#include "jobs/runtime/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <stdbool.h>

#include "engine/base/log.h"

enum { STALE_SECONDS = 300 };

static void
host_name(char name[256])
{
    if (gethostname(name, 255) != 0)
        snprintf(name, 256, "unknown");
    name[255] = '\0';
}

/* Is the holder written in the lock file still there? Where in doubt: yes. */
static bool
is_alive(const char *path, char holder[256], int *pid)
{
    char mine[256];
    struct stat info;
    FILE *f = fopen(path, "r");

    *pid = 0;
    snprintf(holder, 256, "unknown");
    if (!f)
        return errno != ENOENT;
    if (fscanf(f, "%255s %d", holder, pid) != 2)
        *pid = 0;
    if (fstat(fileno(f), &info) != 0)
        info.st_mtime = time(NULL);
    fclose(f);
    host_name(mine);
    if (*pid > 0 && strcmp(holder, mine) == 0)
        return kill(*pid, 0) == 0 || errno == EPERM;
    return time(NULL) - info.st_mtime < STALE_SECONDS;
}

ac_status
ac_lock_take(const char *path)
{
    char host[256], text[300];
    int pid, fd = -1;

    for (int attempt = 0; attempt < 3 && fd < 0; attempt++) {
        fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
        if (fd >= 0)
            break;
        if (errno != EEXIST)
            return ac_error_set(AC_E_IO, "%s: the run folder cannot be locked: %s", path, strerror(errno));
        if (is_alive(path, host, &pid))
            return ac_error_set(AC_E_ARG,
                                "%s: another run works in this folder: host %s, process %d; wait for it, or give --run "
                                "another folder (if it is surely gone, remove the lock file)",
                                path, host, pid);
        ac_log(AC_LOG_WARNING, "lock of a run that is gone (host %s, process %d) taken over", host, pid);
        unlink(path);
    }
    if (fd < 0)
        return ac_error_set(AC_E_IO, "%s: the run folder cannot be locked: others take the lock at the same time", path);
    host_name(host);
    snprintf(text, sizeof text, "%s %d\n", host, (int) getpid());
    if (write(fd, text, strlen(text)) < 0 || close(fd) != 0)
        return ac_error_set(AC_E_IO, "%s: cannot be written: %s", path, strerror(errno));
    return AC_OK;
}

void
ac_lock_renew(const char *path)
{
    utimensat(AT_FDCWD, path, NULL, 0);
}

void
ac_lock_release(const char *path)
{
    unlink(path);
}
