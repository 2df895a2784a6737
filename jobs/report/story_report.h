/** report.html of a run of story: each caption, and the stories that continue it. */
#ifndef AC_JOBS_REPORT_STORY_REPORT_H
#define AC_JOBS_REPORT_STORY_REPORT_H

#include "jobs/runtime/run_view.h"

/** Local. From the run folder's files (stories.jsonl, summary.json), with thumbnails of the run
 * of caption that input.path names, where it is still there.
 * @param[in] jobs  whose runs can be read
 * @param[in] most  captions at most; the counts above them are of the whole run */
AC_MUST_CHECK ac_status ac_story_report_write(const ac_run_view *run, const ac_job *const *jobs,
                                              const char *path, int64_t most);

#endif
