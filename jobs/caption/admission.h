/** Which entries of the caches may enter a table: not those that retrieval.deny names, and of
 * several caches each text once (retrieval.duplicates). */
#ifndef AC_JOBS_CAPTION_ADMISSION_H
#define AC_JOBS_CAPTION_ADMISSION_H

#include "cache_builder/cache_set.h"
#include "engine/comm/comm.h"
#include "engine/text/deny_list.h"
#include "io/config/config.h"

/** retrieval.deny, read. Starts zeroed. */
typedef struct ac_denied {
    bool given;
    char fingerprint[33]; /* of the file; "" where the key is not given */
    ac_deny_list list;
} ac_denied;

/** Local. AC_E_FORMAT names file and line of what is not UTF-8. */
AC_MUST_CHECK ac_status ac_denied_open(ac_denied *self, const ac_config *config);
void ac_denied_free(ac_denied *self);

/** What the entries of a search are chosen by. Borrows all. */
typedef struct ac_admission {
    const ac_cache_set *caches;
    const ac_denied *denied;
    bool keep_duplicates;
    int64_t left_out[2]; /* out: of all entries: denied; in an earlier cache already */
} ac_admission;

static inline ac_admission
ac_admission_of(const ac_cache_set *caches, const ac_denied *denied, const ac_config *config)
{
    return (ac_admission){ .caches = caches,
                           .denied = denied,
                           .keep_duplicates = config->retrieval.duplicates != 0 };
}

/**
 * Collective: rank r has the entries [first, first + count) of all, those of rank r + 1 follow.
 * admitted [count]: may the entry enter a table? Every entry is either admitted or counted once
 * in self->left_out, which is the same on all ranks.
 */
AC_MUST_CHECK ac_status ac_admission_find_all(ac_admission *self, const ac_comm *comm,
                                              int64_t first, const ac_texts *entries,
                                              bool *admitted);

/** Collective. The counts alone, of a run whose tables were there already. */
AC_MUST_CHECK ac_status ac_admission_count_all(ac_admission *self, const ac_comm *comm);

#endif
