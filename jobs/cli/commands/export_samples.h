/** `export RUN --format webdataset`. */
#ifndef AC_JOBS_CLI_COMMANDS_EXPORT_SAMPLES_H
#define AC_JOBS_CLI_COMMANDS_EXPORT_SAMPLES_H

#include "jobs/caption/reviews.h"
#include "jobs/runtime/run_view.h"

/**
 * A tar per shard of the run: each image's bytes, read again from the run's input; its caption
 * as .txt; and a .json with what came with the image, the caption, candidates and scores.
 * AC_E_ARG where the input is not what it was.
 */
AC_MUST_CHECK ac_status ac_export_samples(const ac_run_view *run, const ac_reviews *reviews,
                                          const char *out, int64_t *written, int64_t *rejected);

#endif
