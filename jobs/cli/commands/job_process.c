#include "jobs/cli/commands/job_process.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "io/file/path.h"
#include "io/file/publish.h"
#include "io/file/text_file.h"
#include "jobs/cli/mpi_start.h"
#include "jobs/runtime/progress.h"

extern char **environ;

enum { POLL_NANOSECONDS = 20 * 1000 * 1000 };

ac_status
ac_job_folder_make(char **folder, const char *what)
{
    const char *parent = getenv("TMPDIR");
    ac_status st = AC_OK;

    *folder = NULL;
    AC_TRY(ac_path_format(folder, "%s/antarctic-%s-XXXXXX", parent && *parent ? parent : "/tmp",
                          what));
    if (!mkdtemp(*folder)) {
        st = ac_error_set(ac_io_failure(errno), "%s: cannot be made: %s", *folder,
                          strerror(errno));
        free(*folder);
        *folder = NULL;
    }
out:
    return st;
}

static int
remove_one(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void) info;
    (void) type;
    (void) at;
    remove(path);
    return 0;
}

void
ac_job_folder_remove(const char *folder)
{
    if (folder)
        nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The last line in the text, without what comes before "antarctic JOB: ". */
static ac_status
last_line(ac_buffer *out, const char *path)
{
    ac_buffer text = { 0 };
    size_t end, begin;
    ac_status st = ac_text_file_read(path, &text);

    AC_TRY(st);
    end = text.size;
    while (end > 0 && text.data[end - 1] == '\n')
        end--;
    begin = end;
    while (begin > 0 && text.data[begin - 1] != '\n')
        begin--;
    if (end > begin)
        st = ac_buffer_push(out, text.data + begin, end - begin);
out:
    ac_buffer_free(&text);
    return st;
}

static ac_status
start(char *const *words, const char *log, pid_t *child)
{
    posix_spawn_file_actions_t files;
    int error;

    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, log, O_CREAT | O_WRONLY | O_APPEND,
                                     0600);
    posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
    error = posix_spawn(child, words[0], &files, NULL, words, environ);
    posix_spawn_file_actions_destroy(&files);
    return error ? ac_error_set(AC_E_IO, "%s: cannot be started: %s", words[0], strerror(error))
                 : AC_OK;
}

/* Its folder goes afterwards, so it need not end in order. */
static ac_status
wait_for(pid_t child, double seconds, int *how)
{
    const struct timespec pause = { .tv_nsec = POLL_NANOSECONDS };
    const double until = ac_progress_clock() + seconds;
    pid_t ended;

    while ((ended = waitpid(child, how, seconds > 0 ? WNOHANG : 0)) != child) {
        if (ended < 0 && errno != EINTR)
            return ac_error_set(ac_io_failure(errno), "waiting for the job: %s",
                                strerror(errno));
        if (seconds > 0 && ac_progress_clock() > until) {
            kill(child, SIGKILL);
            seconds = 0;
        } else if (seconds > 0) {
            nanosleep(&pause, NULL);
        }
    }
    return AC_OK;
}

ac_status
ac_job_process_run(char **words, const char *log, double seconds, int *code, ac_buffer *said)
{
    char self[4096];
    const ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    pid_t child;
    int how = 0;
    ac_status st = AC_OK;

    if (n <= 0)
        AC_FAIL(ac_io_failure(errno), "/proc/self/exe: cannot be read: %s", strerror(errno));
    self[n] = '\0';
    words[0] = self;
    ac_mpi_forget_launcher();
    AC_TRY(start(words, log, &child));
    AC_TRY(wait_for(child, seconds, &how));
    *code = WIFEXITED(how) ? WEXITSTATUS(how) : -1;
    if (*code != 0)
        st = last_line(said, log);
out:
    words[0] = NULL;
    return st;
}
