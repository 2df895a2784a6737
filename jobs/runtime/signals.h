/** The graceful stop: USR1 everywhere, TERM and INT where the launcher leaves the time. */
#ifndef AC_JOBS_RUNTIME_SIGNALS_H
#define AC_JOBS_RUNTIME_SIGNALS_H

#include <stdbool.h>

/** From now on the three signals only set a flag; a second INT or TERM ends the process as
 * usual. */
void ac_signals_init(void);

/** The end is written down: a TERM no longer ends the process. A launcher that is asked to stop
 * sends one more to each rank that is left once the first has ended (srun --kill-on-bad-exit),
 * and the rank's own exit code must count. INT, and the bound on MPI_Finalize, stay. */
void ac_signals_end(void);

/** Was a stop asked for? Cheap; asked between units of work. */
bool ac_signals_stopped(void);

/** Where a stop was asked for: a log line, once, that says what happens now. Any thread. */
void ac_signals_tell(double grace_seconds);

/** Seconds since the stop was asked for; negative: it was not. */
double ac_signals_seconds(void);

#endif
