/** report.html of a run over images: embed-images, tag, caption. */
#ifndef AC_JOBS_REPORT_RUN_REPORT_H
#define AC_JOBS_REPORT_RUN_REPORT_H

#include <stdint.h>

#include "engine/base/status.h"
#include "jobs/runtime/job.h"

enum { AC_REPORT_IMAGES = 10000 };

/**
 * Local. Write the report of the run in `folder`, finished or not, as the file `path`.
 * @param[in] jobs    whose runs can be read; NULL at the end
 * @param[in] path    NULL: FOLDER/report.html
 * @param[in] images  at most so many cards, chosen evenly from all; the counts above them are
 * of the whole run
 */
AC_MUST_CHECK ac_status ac_run_report_write(const char *folder, const ac_job *const *jobs,
                                            const char *path, int64_t images);

#endif
