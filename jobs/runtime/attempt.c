#include "jobs/runtime/attempt.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "io/file/file_look.h"
#include "io/file/file_open.h"
#include "io/file/json_write.h"
#include "io/file/path.h"
#include "io/file/publish.h"
#include "jobs/runtime/run.h"

void
ac_part_prefix(char prefix[16], const ac_config *config)
{
    prefix[0] = '\0';
    if (config->compute.parts > 1)
        snprintf(prefix, 16, "p%lld-", (long long) config->compute.part);
}

/* One write, so that lines of several processes do not mix. The history is for people: where it
 * cannot be written, the run continues. */
static void
append_line(const char *folder, ac_buffer *line)
{
    char *path = NULL;
    int fd;

    ac_buffer_push_text(line, "}\n");
    if (line->status == AC_OK && ac_path_format(&path, "%s/attempts.jsonl", folder) == AC_OK &&
        (fd = ac_file_open_for(path, O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC)) >= 0) {
        if (!ac_file_write(fd, line->data, line->size))
            ac_log(AC_LOG_WARNING, "%s: cannot be written: %s", path, strerror(errno));
        close(fd);
    }
    free(path);
}

static void
record_start(const ac_attempt *self, const ac_config *config, const char *job)
{
    ac_buffer line = { 0 };
    char host[256] = "unknown";
    const char *slurm_job = getenv("SLURM_JOB_ID"), *restart = getenv("SLURM_RESTART_COUNT");

    gethostname(host, sizeof host - 1);
    ac_buffer_printf(&line,
                     "{\"event\": \"start\", \"job\": \"%s\", \"time\": %lld, \"host\": ", job,
                     (long long) time(NULL));
    ac_json_text(&line, host);
    ac_buffer_printf(&line,
                     ", \"pid\": %d, \"ranks\": %d, \"slurm_job\": %lld, \"slurm_restart\": "
                     "%lld, \"part\": %lld, \"parts\": %lld",
                     (int) getpid(), self->comm->size,
                     slurm_job ? strtoll(slurm_job, NULL, 10) : 0,
                     restart ? strtoll(restart, NULL, 10) : 0, (long long) config->compute.part,
                     (long long) config->compute.parts);
    append_line(self->folder, &line);
    ac_buffer_free(&line);
}

void
ac_attempt_record(const ac_attempt *self, int code, const char *state, const char *message)
{
    ac_buffer line = { 0 };

    if (!self->begun)
        return;
    ac_buffer_printf(&line,
                     "{\"event\": \"end\", \"time\": %lld, \"rank\": %d, \"pid\": %d, "
                     "\"code\": %d, \"state\": \"%s\", \"message\": ",
                     (long long) time(NULL), self->comm->rank, (int) getpid(), code, state);
    ac_json_text(&line, message);
    append_line(self->folder, &line);
    ac_buffer_free(&line);
}

static const char *
state_of(ac_status st)
{
    switch (st) {
    case AC_OK: return "done";
    case AC_E_BAD_ITEMS: return "bad_items";
    case AC_E_STOPPED: return "stopped";
    case AC_E_RETRY: return "retry";
    default: return "failed";
    }
}

/* On the watchdog's thread, before it ends the process. Of a stop one line is enough. */
static void
record_end(void *context, ac_status st, const char *message)
{
    ac_attempt *self = context;

    if (st != AC_E_STOPPED || self->comm->rank == 0)
        ac_attempt_record(self, self->exit_code(st), state_of(st), message);
    ac_locks_remove_files(
        &self->locks); /* this process is over: the next may come from another host */
}

/* A whole run and parts of it exclude each other: each takes its own lock first, and then looks
 * for the other kind. */
static ac_status
check_other_locks(const ac_attempt *self, bool is_part)
{
    ac_status st = AC_OK;
    DIR *d = ac_folder_open(self->folder);
    struct dirent *entry;
    char *path = NULL;

    if (!d)
        return ac_error_set(ac_io_failure(errno), "%s: the folder cannot be read: %s",
                            self->folder, strerror(errno));
    while (st == AC_OK && (st = ac_folder_next(&entry, d, self->folder)) == AC_OK && entry) {
        const char *dash = strchr(entry->d_name, '-');
        const bool whole = strcmp(entry->d_name, "lock") == 0,
                   part = entry->d_name[0] == 'p' && dash && strcmp(dash, "-lock") == 0;
        if (is_part ? !whole : !part)
            continue;
        AC_TRY(ac_path_format(&path, "%s/%s", self->folder, entry->d_name));
        st = ac_lock_check(&self->lock, path);
        free(path);
        path = NULL;
    }
out:
    free(path);
    closedir(d);
    return st;
}

/* Rank 0: the folder, its lock, the sign file. */
static ac_status
begin(ac_attempt *self, const ac_config *config, const char *job)
{
    ac_status st = AC_OK;
    char *journal = NULL, *lock = NULL, prefix[16];
    int fd;

    ac_part_prefix(prefix, config);
    AC_TRY(ac_path_format(&journal, "%s/journal", self->folder));
    AC_TRY(ac_run_make_folder(journal));
    AC_TRY(ac_path_format(&lock, "%s/%slock", self->folder, prefix));
    AC_TRY(ac_lock_take(&self->lock, &self->locks, lock));
    AC_TRY(check_other_locks(self, config->compute.parts > 1));
    if ((fd = ac_file_open_for(self->sign, O_CREAT | O_WRONLY | O_CLOEXEC)) < 0)
        AC_FAIL(ac_io_failure(errno), "%s: cannot be created: %s", self->sign, strerror(errno));
    close(fd);
    self->begun = true;
    record_start(self, config, job);
out:
    free(journal);
    free(lock);
    return st;
}

ac_status
ac_attempt_begin_all(ac_attempt *self, const ac_comm *comm, const ac_config *config,
                     const char *folder, const char *job, ac_watchdog_end end,
                     int (*exit_code)(ac_status st))
{
    ac_status st;
    char prefix[16];

    *self = (ac_attempt){ .comm = comm, .exit_code = exit_code };
    ac_locks_init(&self->locks);
    ac_part_prefix(prefix, config);
    st = ac_duplicate(&self->folder, folder, strlen(folder));
    if (st == AC_OK)
        st = ac_path_format(&self->sign, "%s/journal/%spulse", folder, prefix);
    if (st == AC_OK && comm->rank == 0)
        st = begin(self, config, job);
    AC_TRY(ac_agree_all(comm, st));
    self->begun = true;
    self->watchdog = (ac_watchdog){
        .rank = comm->rank,
        .heartbeat = comm->heartbeat,
        .locks = &self->locks,
        .sign = self->sign,
        .stall_seconds = 60 * config->limits.stall_minutes,
        .grace_seconds = config->limits.grace_seconds,
        .renew_seconds = AC_LOCK_RENEW_SECONDS,
        .end = end,
        .record = record_end,
        .context = self,
    };
    st = ac_agree_all(comm, ac_watchdog_start(&self->watchdog));
out:
    return st;
}

void
ac_attempt_end(ac_attempt *self, ac_status st)
{
    ac_watchdog_stop(&self->watchdog);
    if (self->begun && self->comm->rank == 0)
        ac_attempt_record(self, self->exit_code(st), state_of(st),
                          st == AC_OK ? "" : ac_error_message());
    ac_lock_release(&self->lock);
    ac_locks_free(&self->locks);
    free(self->folder);
    free(self->sign);
    *self = (ac_attempt){ 0 };
}
