/**
 * What was mined, kept in the run folder: `mined.txt`, one entry per line (no entry holds the
 * end of a line), and `mining.json`: what was done, which texts were left out, and by what a
 * later start knows that nothing has changed. One process, rank 0.
 */
#ifndef AC_JOBS_CACHE_MINING_KEPT_H
#define AC_JOBS_CACHE_MINING_KEPT_H

#include "cache_builder/mining/mining.h"

/** XXH3-128 of the options that matter and of the sources' names, sizes and times of change. ""
 * for standard input. */
AC_MUST_CHECK ac_status ac_mined_fingerprint(const ac_mining_options *options,
                                             const char *input, char hex[33]);

/** Are entries kept that were mined like this? Then they replace `entries`. What is damaged
 * counts as not there. */
bool ac_mined_load(const char *folder, const char *fingerprint, ac_texts *entries);

AC_MUST_CHECK ac_status ac_mined_save(const char *folder, const char *fingerprint,
                                      const ac_mined *mined, const ac_mining_report *report);

#endif
