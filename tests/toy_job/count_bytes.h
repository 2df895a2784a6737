/** A job of the tests: it shows what a new job has to touch (its own folder, the job table, the
 * config table). */
#ifndef AC_TESTS_TOY_JOB_COUNT_BYTES_H
#define AC_TESTS_TOY_JOB_COUNT_BYTES_H

#include "jobs/runtime/job.h"

/** count-bytes: images -> RUN/counts.txt, a line "KEY BYTES" per image. */
extern const ac_job ac_job_count_bytes;

#endif
