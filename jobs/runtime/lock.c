#include "jobs/runtime/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "io/file/file_look.h"
#include "io/file/file_open.h"
#include "io/file/json_write.h"
#include "io/file/path.h"
#include "io/file/publish.h"
#include "jobs/runtime/signals.h"

enum { DYING_WAITS = 15, SAYING_WAITS = 3 };

/* What tells one process from all others, ever. */
typedef struct identity {
    char host[256], boot[64], pid_space[64];
    int64_t pid, started; /* ticks after boot */
    int64_t slurm_job, slurm_restart;
} identity;

static void
read_line(const char *path, char *out, size_t size)
{
    FILE *f = fopen(path, "re");

    if (!f || !fgets(out, (int) size, f))
        out[0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    if (f)
        fclose(f);
}

/* When the process started, in ticks after boot; -1: there is no such process. */
static int64_t
start_time(int64_t pid)
{
    char path[64], line[1024], state = 'Z';
    const char *at;
    long long ticks = -1;

    snprintf(path, sizeof path, "/proc/%lld/stat", (long long) pid);
    read_line(path, line, sizeof line);
    at = strrchr(line, ')'); /* the name before it may hold anything */
    if (at && sscanf(at + 1, " %c", &state) == 1 && (state == 'Z' || state == 'X'))
        return -1; /* dead, and only its parent has not looked yet */
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    if (!at || sscanf(at, " %lld", &ticks) != 1)
        return -1;
    return ticks;
}

static int64_t
number_from_environment(const char *name)
{
    const char *text = getenv(name);

    return text ? strtoll(text, NULL, 10) : 0;
}

static void
identity_of_this_process(identity *self)
{
    ssize_t n;

    memset(self, 0, sizeof *self);
    if (gethostname(self->host, sizeof self->host - 1) != 0)
        snprintf(self->host, sizeof self->host, "unknown");
    read_line("/proc/sys/kernel/random/boot_id", self->boot, sizeof self->boot);
    n = readlink("/proc/self/ns/pid", self->pid_space, sizeof self->pid_space - 1);
    self->pid_space[n > 0 ? n : 0] = '\0';
    self->pid = getpid();
    self->started = start_time(self->pid);
    self->slurm_job = number_from_environment("SLURM_JOB_ID");
    self->slurm_restart = number_from_environment("SLURM_RESTART_COUNT");
}

static void
copy_text(char *out, size_t size, const json_t *root, const char *key)
{
    const char *text = json_string_value(json_object_get(root, key));

    snprintf(out, size, "%s", text ? text : "");
}

/* The holder's identity as the lock file tells it; what it does not tell stays empty. */
static void
read_identity(const char *path, identity *who, char token[33])
{
    json_t *root = json_load_file(path, 0, NULL);

    memset(who, 0, sizeof *who);
    copy_text(who->host, sizeof who->host, root, "host");
    copy_text(who->boot, sizeof who->boot, root, "boot");
    copy_text(who->pid_space, sizeof who->pid_space, root, "pid_space");
    copy_text(token, 33, root, "token");
    who->pid = json_integer_value(json_object_get(root, "pid"));
    who->started = json_integer_value(json_object_get(root, "started"));
    who->slurm_job = json_integer_value(json_object_get(root, "slurm_job"));
    who->slurm_restart = json_integer_value(json_object_get(root, "slurm_restart"));
    json_decref(root);
}

static ac_status
write_identity(ac_buffer *out, const identity *who, const char *token)
{
    ac_buffer_push_text(out, "{\"host\": ");
    ac_json_text(out, who->host);
    ac_buffer_printf(out,
                     ", \"pid\": %lld, \"started\": %lld, \"boot\": \"%s\", \"pid_space\": "
                     "\"%s\", \"slurm_job\": %lld, "
                     "\"slurm_restart\": %lld, \"token\": \"%s\"}\n",
                     (long long) who->pid, (long long) who->started, who->boot, who->pid_space,
                     (long long) who->slurm_job, (long long) who->slurm_restart, token);
    return out->status;
}

static int64_t
boot_moment(void)
{
    struct timespec up;

    clock_gettime(CLOCK_BOOTTIME, &up);
    return (int64_t) time(NULL) - up.tv_sec;
}

/* Where in doubt, the holder lives. *certain: its process is in sight. */
static bool
lives(const identity *holder, const identity *me, int64_t renewed, int64_t now, bool *certain)
{
    *certain = false;
    if (holder->pid > 0 && strcmp(holder->host, me->host) == 0) {
        if (strcmp(holder->boot, me->boot) == 0 &&
            strcmp(holder->pid_space, me->pid_space) == 0) {
            *certain = true;
            return start_time(holder->pid) == holder->started;
        }
        if (strcmp(holder->boot, me->boot) != 0 && renewed < boot_moment())
            return false;
    }
    if (holder->slurm_job && holder->slurm_job == me->slurm_job &&
        holder->slurm_restart < me->slurm_restart)
        return false;
    return now - renewed < AC_LOCK_STALE_SECONDS;
}

/* now: by the clock that stamped the lock. */
static void
look(ac_lock_holder *out, const char *path, int64_t now)
{
    identity holder, me;
    struct stat info;

    *out = (ac_lock_holder){ 0 };
    if (ac_file_stat(path, &info) != 0) {
        out->found = out->alive = out->certain = errno != ENOENT; /* nothing to watch */
        return;
    }
    identity_of_this_process(&me);
    read_identity(path, &holder, out->token);
    out->found = true;
    out->alive = lives(&holder, &me, info.st_mtime, now, &out->certain);
    snprintf(out->host, sizeof out->host, "%s", holder.host[0] ? holder.host : "unknown");
    out->pid = holder.pid;
    out->slurm_job = holder.slurm_job;
    out->slurm_restart = holder.slurm_restart;
    out->renewed = info.st_mtime;
    out->age = now > info.st_mtime ? now - info.st_mtime : 0;
}

void
ac_lock_look(ac_lock_holder *out, const char *path)
{
    look(out, path, time(NULL));
}

bool
ac_lock_is_awaited(const char *path)
{
    ac_lock_holder holder;

    if (!strstr(path, "lock.tmp."))
        return false;
    ac_lock_look(&holder, path);
    return holder.found && holder.alive;
}

static ac_status
refuse(const ac_lock_holder *holder, const char *path)
{
    return ac_error_set(AC_E_ARG,
                        "%s: another run works in this folder: host %s, process %lld, last "
                        "seen %lld s ago; wait for it "
                        "(a run can be given another folder with --run; one that is gone is "
                        "taken over %d s after it was last seen)",
                        path, holder->host, (long long) holder->pid, (long long) holder->age,
                        AC_LOCK_STALE_SECONDS);
}

/* The present moment by the clock of the server that has the file, which is touched for that.
 */
static int64_t
server_time(const char *own)
{
    struct stat info;

    utimensat(AT_FDCWD, own, NULL, 0);
    return stat(own, &info) == 0 ? (int64_t) info.st_mtime : (int64_t) time(NULL);
}

/*
 * What becomes of the holder: AC_OK where it is gone, AC_E_ARG where it lives. In sight (this
 * host): it is given the moment that mpirun's last ranks take to die. Out of sight: the next
 * renewal tells that it lives, five minutes without one that it does not.
 */
static ac_status
await(ac_lock_holder *holder, const char *path, const char *own)
{
    static const struct timespec fifth = { 0, 200000000 }, second = { 1, 0 };
    ac_lock_holder first;

    look(&first, path, server_time(own));
    *holder = first;
    for (int waits = 0; holder->found && holder->alive; waits++) {
        if (holder->certain
                ? waits >= DYING_WAITS
                : holder->renewed != first.renewed || strcmp(holder->token, first.token) != 0)
            return refuse(holder, path);
        if (!holder->certain && waits >= AC_LOCK_STALE_SECONDS)
            return AC_OK; /* by this clock too, whatever times the file has */
        if (ac_signals_stopped())
            return ac_error_set(
                AC_E_STOPPED, "%s: stopped while waiting for the lock of host %s, process %lld",
                path, holder->host, (long long) holder->pid);
        if (!holder->certain && waits == SAYING_WAITS)
            ac_log(AC_LOG_WARNING,
                   "%s: a run on host %s, process %lld was last seen here %lld s ago: waiting "
                   "for its heartbeat, or until it has not been seen for %d s",
                   path, holder->host, (long long) holder->pid, (long long) holder->age,
                   AC_LOCK_STALE_SECONDS);
        nanosleep(holder->certain ? &fifth : &second, NULL);
        look(holder, path, server_time(own));
    }
    return AC_OK;
}

ac_status
ac_lock_check(const ac_lock *own, const char *path)
{
    ac_lock_holder holder;

    return await(&holder, path, own->path);
}

/* Make `path` of `temporary`, for one of all who try. errno EEXIST: it is there. */
static bool
link_exclusively(const char *temporary, const char *path)
{
    struct stat info;
    int from, to;
    char bytes[2048];
    size_t n = 0;
    bool good;

    if (link(temporary, path) == 0)
        return true;
    if (errno ==
        EEXIST) /* of a repeated request the first may have succeeded, its answer being lost */
        return stat(temporary, &info) == 0 && info.st_nlink == 2 ? true
                                                                 : (errno = EEXIST, false);
    if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS && errno != EMLINK)
        return false;
    if ((to = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644)) < 0)
        return false;
    from = open(temporary, O_RDONLY | O_CLOEXEC);
    good = from >= 0 && ac_file_read_on(from, bytes, sizeof bytes, &n) && n > 0 &&
           ac_file_write(to, bytes, n) && fsync(to) == 0;
    if (from >= 0)
        close(from);
    close(to);
    return good;
}

/* Move the lock that was judged dead out of the way. Where another came first, its lock is put
 * back. */
static ac_status
break_lock(const char *path, const ac_lock_holder *dead, const char *token)
{
    ac_status st = AC_OK;
    identity who;
    char *aside = NULL, found[33];

    st = ac_path_format(&aside, "%s.tmp.%s.old", path, token);
    if (st != AC_OK)
        return st;
    if (rename(path, aside) != 0) {
        if (errno != ENOENT)
            st = ac_error_set(ac_io_failure(errno),
                              "%s: the lock of a run that is gone cannot be removed: %s", path,
                              strerror(errno));
        goto out;
    }
    read_identity(aside, &who, found);
    if (strcmp(found, dead->token) == 0)
        ac_log(AC_LOG_WARNING, "lock of a run that is gone (host %s, process %lld) taken over",
               dead->host, (long long) dead->pid);
    else
        link_exclusively(aside, path);
    unlink(aside);
out:
    free(aside);
    return st;
}

static ac_status
write_temporary(const char *path, const identity *me, const char *token)
{
    ac_buffer text = { 0 };
    ac_status st = write_identity(&text, me, token);
    int fd = -1;

    if (st == AC_OK && ((fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644)) < 0 ||
                        !ac_file_write(fd, text.data, text.size) || fsync(fd) != 0))
        st = ac_error_set(ac_io_failure(errno), "%s: the run folder cannot be locked: %s", path,
                          strerror(errno));
    if (fd >= 0 && close(fd) != 0 && st == AC_OK)
        st = ac_error_set(ac_io_failure(errno), "%s: the run folder cannot be locked: %s", path,
                          strerror(errno));
    ac_buffer_free(&text);
    return st;
}

static ac_status
make_token(char token[33])
{
    unsigned char bytes[16];

    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t) sizeof bytes)
        return ac_error_set(ac_io_failure(errno), "no random numbers from the system: %s",
                            strerror(errno));
    for (int i = 0; i < 16; i++)
        snprintf(token + 2 * i, 3, "%02x", bytes[i]);
    return AC_OK;
}

void
ac_locks_init(ac_locks *self)
{
    self->first = NULL;
    pthread_mutex_init(&self->mutex, NULL); /* with no attributes it cannot fail here */
}

void
ac_locks_free(ac_locks *self)
{
    AC_CHECK(!self->first);
    pthread_mutex_destroy(&self->mutex);
}

static void
hold(ac_lock *self, ac_locks *locks)
{
    pthread_mutex_lock(&locks->mutex);
    self->locks = locks;
    self->next = locks->first;
    locks->first = self;
    pthread_mutex_unlock(&locks->mutex);
}

static void
let_go(ac_lock *self)
{
    pthread_mutex_lock(&self->locks->mutex);
    for (ac_lock **at = &self->locks->first; *at; at = &(*at)->next) {
        if (*at != self)
            continue;
        *at = self->next;
        break;
    }
    pthread_mutex_unlock(&self->locks->mutex);
}

ac_status
ac_lock_take(ac_lock *self, ac_locks *locks, const char *path)
{
    ac_status st = AC_OK;
    identity me;
    char *temporary = NULL;
    bool taken = false;

    *self = (ac_lock){ 0 };
    identity_of_this_process(&me);
    AC_TRY(make_token(self->token));
    AC_TRY(ac_path_format(&temporary, "%s.tmp.%s", path, self->token));
    AC_TRY(write_temporary(temporary, &me, self->token));
    for (int attempt = 0; attempt < 5 && !taken; attempt++) {
        ac_lock_holder holder;
        if ((taken = link_exclusively(temporary, path)))
            break;
        if (errno != EEXIST)
            AC_FAIL(ac_io_failure(errno), "%s: the run folder cannot be locked: %s", path,
                    strerror(errno));
        AC_TRY(await(&holder, path, temporary));
        if (holder.found)
            AC_TRY(break_lock(path, &holder, self->token));
    }
    if (!taken)
        AC_FAIL(AC_E_RETRY,
                "%s: the run folder cannot be locked: others take the lock at the same time",
                path);
    st = ac_duplicate(&self->path, path, strlen(path));
    if (st == AC_OK)
        hold(self, locks);
    else
        unlink(path);
out:
    if (temporary)
        unlink(temporary);
    free(temporary);
    return st;
}

/* A lock that is there but cannot be read just now is not lost. */
static bool
is_ours(const ac_lock *self)
{
    identity who;
    char token[33];

    read_identity(self->path, &who, token);
    return token[0] ? strcmp(token, self->token) == 0
                    : access(self->path, F_OK) == 0 || errno != ENOENT;
}

bool
ac_lock_renew(const ac_lock *self)
{
    if (!is_ours(self))
        return false;
    utimensat(AT_FDCWD, self->path, NULL, 0);
    return true;
}

static void
remove_file(const ac_lock *self)
{
    if (is_ours(self))
        unlink(self->path);
}

void
ac_lock_release(ac_lock *self)
{
    if (self->path) {
        let_go(self);
        remove_file(self);
    }
    free(self->path);
    *self = (ac_lock){ 0 };
}

bool
ac_locks_renew(ac_locks *self, char lost[AC_LOCK_PATH])
{
    bool ours = true;

    pthread_mutex_lock(&self->mutex);
    for (const ac_lock *lock = self->first; lock && ours; lock = lock->next)
        if (!(ours = ac_lock_renew(lock)))
            snprintf(lost, AC_LOCK_PATH, "%s", lock->path);
    pthread_mutex_unlock(&self->mutex);
    return ours;
}

void
ac_locks_remove_files(ac_locks *self)
{
    pthread_mutex_lock(&self->mutex);
    for (const ac_lock *lock = self->first; lock; lock = lock->next)
        remove_file(lock);
    pthread_mutex_unlock(&self->mutex);
}
