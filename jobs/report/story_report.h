/** report.html of a run of story: each caption, and the stories that continue it. */
#ifndef AC_JOBS_REPORT_STORY_REPORT_H
#define AC_JOBS_REPORT_STORY_REPORT_H

#include "jobs/runtime/run_view.h"

/** Local. From the run folder's files alone (stories.jsonl, summary.json).
 * @param[in] most  captions at most; the counts above them are of the whole run */
AC_MUST_CHECK ac_status ac_story_report_write(const ac_run_view *run, const char *path,
                                              int64_t most);

#endif
