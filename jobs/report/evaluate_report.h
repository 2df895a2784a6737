/** The report of evaluate: scores with intervals, histograms, all items in a table, the best and
 * worst with their images. */
#ifndef AC_JOBS_REPORT_EVALUATE_REPORT_H
#define AC_JOBS_REPORT_EVALUATE_REPORT_H

#include "engine/base/status.h"

/**
 * Local. Reads metrics.json, items.jsonl and, where there are any, the thumbnails of the run
 * folder; writes out (NULL: report.html in the folder).
 * @return AC_E_IO or AC_E_FORMAT naming the file
 */
AC_MUST_CHECK ac_status ac_evaluate_report_write(const char *folder, const char *out);

#endif
