/** The review page: one HTML file in which a person accepts, edits or rejects a run's captions,
 * and what import-review needs to know of it. */
#ifndef AC_JOBS_CLI_COMMANDS_EXPORT_REVIEW_H
#define AC_JOBS_CLI_COMMANDS_EXPORT_REVIEW_H

#include "jobs/runtime/run_view.h"

/** AC_E_ARG where the run has no captions. */
AC_MUST_CHECK ac_status ac_review_check_run(const ac_run_view *run);

/** What a run's captions depend on beside its images: settings, models and caches. */
void ac_review_run_id(const ac_manifest *manifest, char id[33]);

/** json [n] begins with "{": is it one object and the brace that ends the line around it? */
bool ac_review_ends(const char *json, size_t n);

AC_MUST_CHECK ac_status ac_export_review(const ac_run_view *run, const char *out,
                                         int64_t *written);

#endif
