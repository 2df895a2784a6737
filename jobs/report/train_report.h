/** report.html of a training run: loss curves, and captions of the same images before and
 * after. */
#ifndef AC_JOBS_REPORT_TRAIN_REPORT_H
#define AC_JOBS_REPORT_TRAIN_REPORT_H

#include "jobs/runtime/run_view.h"

/** Local. From the run folder's files alone (metrics.jsonl, samples.jsonl, thumbnails),
 * finished or not. */
AC_MUST_CHECK ac_status ac_train_report_write(const ac_run_view *run, const char *path);

#endif
