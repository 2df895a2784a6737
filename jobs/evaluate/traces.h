/** Evidence over all items: which words come from the cache, and which were never trained. */
#ifndef AC_JOBS_EVALUATE_TRACES_H
#define AC_JOBS_EVALUATE_TRACES_H

#include "jobs/evaluate/scores.h"

/** Starts zeroed. */
typedef struct ac_traces {
    ac_texts *json; /* one: each item's evidence as a JSON object; NULL: none */
    ac_texts owned;
} ac_traces;

void ac_traces_free(ac_traces *self);

/** Adds the columns cache_copied, cache_copied_unseen and novel_unseen (with a reason where
 * they cannot be), and makes each item's evidence. */
AC_MUST_CHECK ac_status ac_traces_compute(ac_traces *self, ac_scores *scores,
                                          const ac_evaluated *evaluated, bool wanted);

#endif
