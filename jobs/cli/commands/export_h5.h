/** `export RUN --format h5`. */
#ifndef AC_JOBS_CLI_COMMANDS_EXPORT_H5_H
#define AC_JOBS_CLI_COMMANDS_EXPORT_H5_H

#include "jobs/runtime/run_view.h"

/**
 * All that captions.h5 shows as one file that needs no other, in the run's compression; of a
 * run without captions, or without tables, what it has. Two passes over the shards: their
 * checksums and sizes, then each dataset from its beginning to its end. In bounded memory: a
 * block of rows.
 * @param[out] written  images
 */
AC_MUST_CHECK ac_status ac_export_h5(const ac_run_view *run, const char *out, int64_t *written);

#endif
