#include "jobs/runtime/visible.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "jobs/runtime/progress.h"
#include "jobs/runtime/signals.h"

enum { FIRST_WAIT_MS = 20, LONGEST_WAIT_MS = 1000 };

/* 0: it is there, or the error is not of the kind that waiting helps against (whoever opens it
 * says so). */
static int
look(const char *path)
{
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    if (fd >= 0) {
        close(fd);
        return 0;
    }
    return errno == ENOENT || errno == ESTALE ? errno : 0;
}

/* Have the file system ask its server again: open and sync the nearest folder that is there. */
static void
refresh_folder_of(char *path)
{
    for (char *slash; (slash = strrchr(path, '/'));) {
        int fd;
        slash[slash == path] = '\0'; /* the root keeps its slash */
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0) {
            (void) fsync(fd);
            close(fd);
            return;
        }
        if (slash == path)
            return;
    }
}

static void
sleep_ms(int ms)
{
    struct timespec wait = { ms / 1000, ms % 1000 * 1000000L };

    while (nanosleep(&wait, &wait) != 0 && errno == EINTR)
        ;
}

/* One look after the folder was refreshed. */
static ac_status
look_again(const char *path, int *error)
{
    char *copy = NULL;
    const ac_status st = ac_duplicate(&copy, path, strlen(path));

    if (st == AC_OK) {
        refresh_folder_of(copy);
        *error = look(path);
    }
    free(copy);
    return st;
}

ac_status
ac_visible_wait(const char *path, const ac_config *config, ac_heartbeat *heartbeat)
{
    const double begun = ac_progress_clock(),
                 most = config ? config->limits.visibility_seconds : 0;
    int error = config ? look(path) : 0, ms = FIRST_WAIT_MS;
    bool said = false;
    ac_status st = AC_OK;

    while (error) {
        const double waited = ac_progress_clock() - begun;
        if (waited >= most && ms > FIRST_WAIT_MS)
            AC_FAIL(
                AC_E_RETRY,
                "%s: %s, %.0f s after a rank of this run has published it: not seen on "
                "this node yet (a shared file system's caches), or removed by somebody; run "
                "again, or raise limits.visibility_seconds",
                path, strerror(error), waited);
        if (ac_signals_seconds() > config->limits.grace_seconds / 2)
            AC_FAIL(AC_E_STOPPED,
                    "%s: stopped on request while waiting for it; the same command resumes the "
                    "run",
                    path);
        if (!said && waited > 1) {
            ac_log(AC_LOG_WARNING,
                   "%s: published, and not seen on this node yet: waiting up to %.0f s "
                   "(limits.visibility_seconds)",
                   path, most);
            said = true;
        }
        sleep_ms(ms);
        ms = 2 * ms < LONGEST_WAIT_MS ? 2 * ms : LONGEST_WAIT_MS;
        ac_heartbeat_beat(heartbeat);
        AC_TRY(look_again(path, &error));
    }
    if (said)
        ac_log(AC_LOG_INFO, "%s: seen after %.0f s", path, ac_progress_clock() - begun);
out:
    return st;
}
