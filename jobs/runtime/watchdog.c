#include "jobs/runtime/watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "jobs/runtime/progress.h"
#include "jobs/runtime/signals.h"

enum { AFTER_RANK_0_SECONDS = 2 };

/* What the thread remembers from one look to the next. */
typedef struct watcher {
    ac_watchdog *dog;
    double last_look, last_move, last_renewal, last_touch;
    int64_t beats, touched_beats;
    struct timespec sign; /* the sign file's time of change, as last seen */
} watcher;

static void
end(const ac_watchdog *dog, ac_status st, const char *message)
{
    if (dog->record)
        dog->record(dog->context, st, message);
    dog->end(st, message);
}

static void
end_stalled(const ac_watchdog *dog, double seconds)
{
    const char *phase = atomic_load(&dog->heartbeat->phase);
    const int64_t shard = atomic_load(&dog->heartbeat->shard);
    char host[256] = "", message[512], where[64] = "no shard in flight";

    gethostname(host, sizeof host - 1);
    if (shard >= 0)
        snprintf(where, sizeof where, "shard %lld", (long long) shard);
    snprintf(message, sizeof message,
             "rank %d on %s, process %d: no rank made progress for %.3g minutes; phase %s, %s",
             dog->rank, host, (int) getpid(), seconds / 60, phase ? phase : "start", where);
    end(dog, AC_E_RETRY, message);
}

/* Has any rank moved since the last look? */
static bool
sign_moved(watcher *self)
{
    struct stat info;

    if (stat(self->dog->sign, &info) != 0 || (info.st_mtim.tv_sec == self->sign.tv_sec &&
                                              info.st_mtim.tv_nsec == self->sign.tv_nsec))
        return false;
    self->sign = info.st_mtim;
    return true;
}

static void
look(watcher *self, double now)
{
    const ac_watchdog *dog = self->dog;
    const int64_t beats = atomic_load(&dog->heartbeat->beats);
    const double pause = now - self->last_look;

    if (beats != self->beats) {
        self->beats = beats;
        self->last_move = now;
    }
    if (pause >
        dog->stall_seconds / 2) /* this process itself was stopped, or the machine slept */
        self->last_move = now;
    if (self->beats != self->touched_beats && now - self->last_touch > dog->stall_seconds / 8) {
        utimensat(AT_FDCWD, dog->sign, NULL, 0);
        self->touched_beats = self->beats;
        self->last_touch = now;
    }
    if (now - self->last_move > dog->stall_seconds / 2 && sign_moved(self))
        self->last_move = now;
    if (now - self->last_move >= dog->stall_seconds)
        end_stalled(dog, now - self->last_move);
}

static void
renew_locks(watcher *self, double now)
{
    char lost[AC_LOCK_PATH], message[AC_LOCK_PATH + 256];

    if (now - self->last_renewal < self->dog->renew_seconds)
        return;
    if (!ac_locks_renew(self->dog->locks, lost)) {
        snprintf(message, sizeof message,
                 "%s: this lock was lost: another run took it over while this one did not "
                 "respond, or it was removed; run again once no other run works there",
                 lost);
        end(self->dog, AC_E_RETRY, message);
    }
    self->last_renewal = now;
}

static void
step(watcher *self)
{
    const ac_watchdog *dog = self->dog;
    const double now = ac_progress_clock();

    if (dog->rank == 0)
        ac_signals_tell(dog->grace_seconds);
    /* rank 0 first: it writes the end down, and the first rank to go takes the others along */
    if (ac_signals_seconds() > dog->grace_seconds + (dog->rank == 0 ? 0 : AFTER_RANK_0_SECONDS))
        end(dog, AC_E_STOPPED,
            "stopped on request; the shard still in flight after limits.grace_seconds is "
            "dropped, all finished work is published; the same command resumes the run");
    renew_locks(self, now);
    if (dog->stall_seconds > 0)
        look(self, now);
    self->last_look = now;
}

static void *
run(void *argument)
{
    ac_watchdog *dog = argument;
    const double now = ac_progress_clock();
    const double pause =
        dog->stall_seconds > 0 && dog->stall_seconds < 8 ? dog->stall_seconds / 16 : 0.5;
    watcher self = { .dog = dog, .last_look = now, .last_move = now, .last_renewal = now };

    sign_moved(&self);
    pthread_mutex_lock(&dog->mutex);
    while (!dog->stopping) {
        struct timespec until;
        int64_t nanoseconds;
        clock_gettime(CLOCK_MONOTONIC, &until);
        nanoseconds = until.tv_nsec + (int64_t) (pause * 1e9);
        until.tv_sec += (time_t) (nanoseconds / 1000000000);
        until.tv_nsec = (long) (nanoseconds % 1000000000);
        pthread_cond_timedwait(&dog->wake, &dog->mutex, &until);
        if (!dog->stopping) {
            pthread_mutex_unlock(&dog->mutex);
            step(&self);
            pthread_mutex_lock(&dog->mutex);
        }
    }
    pthread_mutex_unlock(&dog->mutex);
    return NULL;
}

ac_status
ac_watchdog_start(ac_watchdog *self)
{
    pthread_condattr_t clock;
    sigset_t all, before;
    int error;

    pthread_mutex_init(&self->mutex, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&self->wake, &clock);
    pthread_condattr_destroy(&clock);
    self->stopping = false;
    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&self->thread, NULL, run, self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    self->running = error == 0;
    if (error == 0)
        return AC_OK;
    pthread_cond_destroy(&self->wake);
    pthread_mutex_destroy(&self->mutex);
    return ac_error_set(AC_E_NOMEM, "no thread for the watchdog: %s", strerror(error));
}

void
ac_watchdog_stop(ac_watchdog *self)
{
    if (!self->running)
        return;
    pthread_mutex_lock(&self->mutex);
    self->stopping = true;
    pthread_cond_signal(&self->wake);
    pthread_mutex_unlock(&self->mutex);
    pthread_join(self->thread, NULL);
    pthread_cond_destroy(&self->wake);
    pthread_mutex_destroy(&self->mutex);
    self->running = false;
}
