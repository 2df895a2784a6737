#include "jobs/runtime/signals.h"

#include <signal.h>
#include <string.h>
#include <time.h>

/* A signal handler can reach nothing else. */
static volatile sig_atomic_t stop_asked;
static struct timespec stop_moment; /* written before stop_asked, once */

static void
on_signal(int number)
{
    if (!stop_asked)
        clock_gettime(CLOCK_MONOTONIC, &stop_moment);
    stop_asked = 1;
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
    signal(SIGXFSZ, SIG_IGN); /* past a limit on file sizes a write fails, as on a full disk, and is reported */
}

bool
ac_signals_stopped(void)
{
    return stop_asked != 0;
}

double
ac_signals_seconds(void)
{
    struct timespec now;

    if (!stop_asked)
        return -1;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double) (now.tv_sec - stop_moment.tv_sec) + 1e-9 * (double) (now.tv_nsec - stop_moment.tv_nsec);
}
