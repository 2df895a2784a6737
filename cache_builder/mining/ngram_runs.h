/**
 * What one process has counted, as runs on disk and what is still in memory, each grouped by
 * prefix (engine/text/ngram_records.h). All runs lie in one scratch file that has no name any
 * more once it is open, so that nothing is left behind by a process that dies. A run: bounds
 * i64 [3, 4097], places in the file, then records.
 */
#ifndef AC_CACHE_BUILDER_MINING_NGRAM_RUNS_H
#define AC_CACHE_BUILDER_MINING_NGRAM_RUNS_H

#include "engine/text/ngram_records.h"

/** Starts zeroed. */
typedef struct ac_ngram_runs {
    const char *folder; /* borrowed; for the scratch file */
    int file;           /* -1 or 0: none yet */
    int64_t file_bytes, count, capacity;
    int64_t *runs;                /* [count] where in the file each begins */
    const ac_ngram_counter *live; /* borrowed: what was kept in memory; NULL: nothing */
    ac_ngram_order order;         /* of live */
    int64_t costs[AC_NGRAM_KINDS]
                 [AC_NGRAM_PREFIXES]; /* bytes that merging a prefix's records may take */
    ac_buffer block;
} ac_ngram_runs;

/** Write all that the counter holds as one more run. AC_E_IO where there is no room. */
AC_MUST_CHECK ac_status ac_ngram_runs_spill(ac_ngram_runs *self,
                                            const ac_ngram_counter *counter);

/** The end of counting: what the counter holds stays in memory where it takes at most `keep`
 * bytes, else it is spilled. */
AC_MUST_CHECK ac_status ac_ngram_runs_finish(ac_ngram_runs *self, ac_ngram_counter *counter,
                                             int64_t keep);

/** Append all records of a kind and of prefixes [from, to). Call after finish. */
AC_MUST_CHECK ac_status ac_ngram_runs_read(const ac_ngram_runs *self, int kind, int from,
                                           int to, ac_buffer *out);

void ac_ngram_runs_free(ac_ngram_runs *self);

#endif
