/**
 * A run's memory of what ended its processes. What was in flight at a death is a suspect; a
 * suspect that ends its crash probe too (crash_probe.h) is confirmed and quarantined: it is a
 * rejected item from then on. Files in the run's journal folder:
 *
 *     RANK.hand      what was in flight (inflight.h); read, then removed
 *     once           what was in flight at fewer deaths than its stage asks for
 *     crashed.jsonl  the quarantined items
 */
#ifndef AC_JOBS_RUNTIME_QUARANTINE_H
#define AC_JOBS_RUNTIME_QUARANTINE_H

#include <stdbool.h>

#include "engine/comm/comm.h"
#include "jobs/runtime/inflight.h"
#include "jobs/runtime/item_names.h"
#include "jobs/runtime/stage_type.h"

/** Usable when zeroed: nothing is quarantined or suspected. Owns everything. */
typedef struct ac_quarantine {
    int64_t items;
    bool *crashed;               /* [items]: quarantined; the same on all ranks */
    ac_inflight_items *suspects; /* [suspect_count]; the same on all ranks */
    int64_t suspect_count;
} ac_quarantine;

AC_MUST_CHECK ac_status ac_quarantine_init(ac_quarantine *self, int64_t items);
void ac_quarantine_free(ac_quarantine *self);

/** Is the item quarantined? */
static inline bool
ac_quarantine_has(const ac_quarantine *self, int64_t item)
{
    return item < self->items && self->crashed[item];
}

/**
 * Local, rank 0: what the journal folder tells of earlier attempts.
 * @param[in] prefix  of this part's own files, which alone it reads (crashed.jsonl apart); "":
 *                    a whole run reads all
 * @param[in] stages  rows of the run's stages, in order; NULL at the end
 */
AC_MUST_CHECK ac_status ac_quarantine_read(ac_quarantine *self, const char *journal,
                                           const char *prefix,
                                           const ac_stage_type *const *stages);

/** Collective: what rank 0 read, for all ranks. */
AC_MUST_CHECK ac_status ac_quarantine_share_all(ac_quarantine *self, const ac_comm *comm);

/**
 * Collective: items marked on any rank are quarantined on all of them.
 * @param[in,out] crashed  [items]; replaced by those that are new
 * @return how many are new
 */
int64_t ac_quarantine_add_all(ac_quarantine *self, const ac_comm *comm, bool *crashed);

/** Local, rank 0: crashed.jsonl, published whole. */
AC_MUST_CHECK ac_status ac_quarantine_write(const ac_quarantine *self, const char *journal,
                                            const char *prefix, const ac_item_names *names);

#endif
