/** The part of evaluate's report that compares with other captions. */
#ifndef AC_JOBS_REPORT_EVALUATE_COMPARISON_H
#define AC_JOBS_REPORT_EVALUATE_COMPARISON_H

#include <jansson.h>

#include "jobs/report/page.h"

/** A section with the scores of both, and the items that changed most. comparison: of
 * metrics.json, borrowed; NULL: nothing is written. Failures stay in the page. */
void ac_evaluate_comparison_write(ac_page *page, const json_t *comparison);

#endif
