/** Texts that were in hand when an earlier attempt died, tokenized once more in a process of
 * its own. */
#ifndef AC_JOBS_RUNTIME_CRASH_PROBE_H
#define AC_JOBS_RUNTIME_CRASH_PROBE_H

#include "jobs/runtime/run.h"

/**
 * Local. Tokenize texts in a child (the tool `tokenize`), as jobs/runtime/child.h tells of
 * trials; the probe is an empty text.
 * @param[in] model   a model's folder or file; kind: "clip" or "bart"
 * @param[in] what    what the texts are, for the log
 * @param[out] guilty [texts->count]: starts false; true where the text ends the child
 */
AC_MUST_CHECK ac_status ac_text_trial(const ac_run *run, const char *model, const char *kind,
                                      const ac_texts *texts, const char *what, bool *guilty);

#endif
