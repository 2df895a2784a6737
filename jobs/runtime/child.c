#include "jobs/runtime/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "jobs/runtime/progress.h"
#include "jobs/runtime/signals.h"

enum { POLL_MILLISECONDS = 5 };

extern char **environ;

/* Started, its standard output into `out`. 0, or an errno. */
static int
start(const ac_child *self, int out, pid_t *child)
{
    posix_spawn_file_actions_t actions;
    int error;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO,
                                     self->input ? self->input : "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    error = posix_spawn(child, "/proc/self/exe", &actions, NULL, self->words, environ);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

/* Where that cannot be said the kernel chooses by itself. */
static void
offer(pid_t child)
{
    char path[64];
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/oom_score_adj", (int) child);
    if ((f = fopen(path, "we"))) {
        fputs("1000", f);
        fclose(f);
    }
}

/* Lines that lie ready. true: there was something. */
static bool
read_lines(int fd, int64_t *lines)
{
    char block[4096];
    const ssize_t n = read(fd, block, sizeof block);

    for (ssize_t i = 0; i < n; i++)
        *lines += block[i] == '\n';
    return n > 0;
}

static ac_child_end
item_status(int how)
{
    static const int own[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS };

    if (WIFEXITED(how))
        return WEXITSTATUS(how) == AC_EXIT_BUG ? AC_CHILD_CRASHED : AC_CHILD_DONE;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (WTERMSIG(how) == own[i])
            return AC_CHILD_CRASHED;
    return AC_CHILD_KILLED;
}

static ac_child_end
watch(const ac_child *self, pid_t child, int fd, int64_t *lines)
{
    double heard = ac_progress_clock();
    int how = 0;

    for (;;) {
        struct pollfd ready = { fd, POLLIN, 0 };
        const pid_t done = waitpid(child, &how, WNOHANG);
        if (done < 0 && errno != EINTR)
            return AC_CHILD_UNKNOWN;
        while (read_lines(fd, lines))
            heard = ac_progress_clock();
        if (done == child)
            return item_status(how);
        if (ac_signals_stopped() || ac_progress_clock() - heard > self->silence) {
            kill(child, SIGKILL);
            waitpid(child, &how, 0);
            return ac_signals_stopped() ? AC_CHILD_UNKNOWN : AC_CHILD_SILENT;
        }
        ac_heartbeat_beat(self->heartbeat);
        if (poll(&ready, 1, POLL_MILLISECONDS) > 0 &&
            (ready.revents & POLLHUP)) /* it ends: do not spin meanwhile */
            poll(NULL, 0, POLL_MILLISECONDS);
    }
}

ac_child_end
ac_child_run(const ac_child *self, int64_t *lines)
{
    ac_child_end end = AC_CHILD_UNKNOWN;
    int64_t ignored, *count = lines ? lines : &ignored;
    int pipes[2], error;
    pid_t child;

    *count = 0;
    if (pipe2(pipes, O_CLOEXEC | O_NONBLOCK) != 0) {
        ac_log(AC_LOG_WARNING, "a process for a crash probe cannot be started: %s",
               strerror(errno));
        return end;
    }
    fcntl(pipes[1], F_SETFL, 0); /* the child's end waits */
    error = start(self, pipes[1], &child);
    close(pipes[1]);
    if (error) {
        ac_log(AC_LOG_WARNING, "a process for a crash probe cannot be started: %s",
               strerror(error));
    } else {
        if (self->first_to_go)
            offer(child);
        end = watch(self, child, pipes[0], count);
    }
    close(pipes[0]);
    return end;
}
