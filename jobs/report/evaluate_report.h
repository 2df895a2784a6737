/** The report of evaluate: scores with intervals, histograms, all items in a table, the best
 * and worst with their images and where their words come from. */
#ifndef AC_JOBS_REPORT_EVALUATE_REPORT_H
#define AC_JOBS_REPORT_EVALUATE_REPORT_H

#include "jobs/runtime/run_view.h"

/**
 * Local. Reads metrics.json, items.jsonl and the thumbnails of the images, or those of the run
 * whose captions were evaluated; writes the page `path`.
 * @param[in] jobs   whose runs can be read; NULL at the end
 * @param[in] limit  items in the table; of more, so many are taken evenly (the best and worst
 *                   are of all)
 */
AC_MUST_CHECK ac_status ac_evaluate_report_write(const ac_run_view *run,
                                                 const ac_job *const *jobs, const char *path,
                                                 int64_t limit);

#endif
