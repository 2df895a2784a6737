/**
 * metrics.jsonl, one line per step and one per validation:
 *
 *     {"step","epoch","loss","tokens","rate","gradient_norm"}
 *     {"step","epoch","vloss","tokens"}
 *
 * It holds no times: a run that was killed and resumed ends with the same bytes as one that was
 * not. Written by rank 0; local.
 */
#ifndef AC_JOBS_TRAIN_METRICS_H
#define AC_JOBS_TRAIN_METRICS_H

#include <stdint.h>

#include "engine/base/buffer.h"

/** Starts zeroed. */
typedef struct ac_metrics {
    int file; /* descriptor + 1; 0: none */
    char *path;
} ac_metrics;

/** Truncate the file to the lines of steps up to `step` (-1: none), and append from there. */
AC_MUST_CHECK ac_status ac_metrics_open(ac_metrics *self, const char *path, int64_t step);
void ac_metrics_close(ac_metrics *self);

AC_MUST_CHECK ac_status ac_metrics_step(ac_metrics *self, int64_t step, int64_t epoch,
                                        double loss, int64_t tokens, double rate, double norm);
AC_MUST_CHECK ac_status ac_metrics_validation(ac_metrics *self, int64_t step, int64_t epoch,
                                              double vloss, int64_t tokens);

/** On the disk: before the checkpoint that counts on it. */
AC_MUST_CHECK ac_status ac_metrics_sync(ac_metrics *self);

#endif
