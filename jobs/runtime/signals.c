#include "jobs/runtime/signals.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "engine/base/log.h"

/* A signal handler can reach nothing else. One number, so that no thread sees half of a
 * request: nanoseconds of the monotonic clock at the first signal; 0: none came. */
static _Atomic int64_t stop_moment;

static int64_t
now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t) t.tv_sec * 1000000000 + t.tv_nsec;
}

static void
on_signal(int number)
{
    int64_t none = 0;

    atomic_compare_exchange_strong(&stop_moment, &none, now());
    if (number != SIGUSR1)
        signal(number, SIG_DFL);
}

void
ac_signals_init(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* past a limit on file sizes a write fails, as on a full disk,
                                 and is reported */
}

void
ac_signals_end(void)
{
    signal(SIGTERM, SIG_IGN);
}

bool
ac_signals_stopped(void)
{
    return atomic_load(&stop_moment) != 0;
}

void
ac_signals_tell(double grace_seconds)
{
    static atomic_flag told = ATOMIC_FLAG_INIT;

    if (ac_signals_stopped() && !atomic_flag_test_and_set(&told))
        ac_log(AC_LOG_INFO,
               "stop requested: the work in flight is finished within %g s "
               "(limits.grace_seconds) or dropped; what is finished stays",
               grace_seconds);
}

double
ac_signals_seconds(void)
{
    const int64_t moment = atomic_load(&stop_moment);

    return moment ? 1e-9 * (double) (now() - moment) : -1;
}
