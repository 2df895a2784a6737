/**
 * RUN/summary.json: what every job says of a finished run. A job adds members of its own, each
 * followed by a comma, between the functions below, which are called in this order on rank 0.
 */
#ifndef AC_JOBS_RUNTIME_SUMMARY_H
#define AC_JOBS_RUNTIME_SUMMARY_H

#include "jobs/runtime/run.h"

/** job, version, state, items, ok, bad. */
void ac_summary_begin(ac_buffer *out, const ac_run *run, int64_t ok, int64_t bad);

/** ranks, and the threads of each. */
void ac_summary_ranks(ac_buffer *out, const ac_comm *comm);

/** The same, precision, kernels ("avx2"), backend ("native"), equal_bytes (on every CPU). */
void ac_summary_compute(ac_buffer *out, const ac_run *run);

/** Work before the run's stages; name NULL: there was none. */
typedef struct ac_summary_stage {
    const char *name;
    double seconds;
    int64_t items;
} ac_summary_stage;

/** stages, the end of the object, and the file. */
AC_MUST_CHECK ac_status ac_summary_publish(ac_buffer *out, const ac_run *run,
                                           ac_summary_stage before);

#endif
