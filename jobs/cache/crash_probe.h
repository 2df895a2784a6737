/** Entries that were in flight when an earlier attempt died, tokenized once more in a process
 * of its own. */
#ifndef AC_JOBS_CACHE_CRASH_PROBE_H
#define AC_JOBS_CACHE_CRASH_PROBE_H

#include "jobs/models/clip_model.h"
#include "jobs/runtime/run.h"

/**
 * Collective. Rank 0 tokenizes the run's suspects in a child process (the tool `tokenize`). An
 * entry that ends the child too is quarantined, and all entries are embedded anew, since their
 * order changes. Rank 0 writes bad_items.jsonl where any are quarantined. AC_E_BAD_ITEMS where
 * they are more than limits.max_bad_items, or all.
 */
AC_MUST_CHECK ac_status ac_entry_probe_all(ac_run *run, const ac_clip_model *clip,
                                           const ac_texts *entries, const char *prefix);

#endif
