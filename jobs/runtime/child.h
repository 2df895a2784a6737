/** This program again, with another command line, in a process of its own: work that may end
 * its process is done there. */
#ifndef AC_JOBS_RUNTIME_CHILD_H
#define AC_JOBS_RUNTIME_CHILD_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/heartbeat.h"

enum { AC_EXIT_BUG = 70 }; /* the exit code of a process that found a bug of its own */

typedef enum ac_child_end {
    AC_CHILD_DONE = 0, /* came to an end by itself, with any exit code but AC_EXIT_BUG */
    AC_CHILD_CRASHED,  /* by a signal of its own (SIGSEGV, SIGABRT, …), or a bug it found */
    AC_CHILD_KILLED, /* by a signal that may come from outside (SIGKILL: out of memory, …) */
    AC_CHILD_SILENT, /* printed nothing for the whole time, and was ended */
    AC_CHILD_UNKNOWN /* not started, or ended because this run is told to stop */
} ac_child_end;

typedef struct ac_child {
    char *const *words;      /* argv, ends with NULL */
    const char *input;       /* the file that is its standard input; NULL: empty */
    double silence;          /* seconds without a line */
    bool first_to_go;        /* where memory runs out the kernel shall take it first */
    ac_heartbeat *heartbeat; /* beats while it lives; may be NULL */
} ac_child;

/** Local. @param[out] lines  that it printed; may be NULL */
ac_child_end ac_child_run(const ac_child *self, int64_t *lines);

#endif
