/**
 * Mining over ranks: sources are prepared and pieces of the corpus counted by whoever is free;
 * each rank merges the n-grams of its buckets, which get the records of all ranks; the best of
 * all are chosen on rank 0.
 */
#ifndef AC_JOBS_CACHE_MINING_MINE_H
#define AC_JOBS_CACHE_MINING_MINE_H

#include "cache_builder/mining/mining.h"
#include "engine/comm/comm.h"
#include "io/config/config.h"

/**
 * Collective. Is config->input.path to be mined? Not where it is one plain text file and ngrams
 * asks for its lines alone: that is a list of entries, taken as they are. Rank 0 looks at the
 * file.
 */
bool ac_mining_is_asked_all(const ac_comm *comm, const ac_config *config);

/**
 * Collective. The entries that config->ngrams asks for, of config->input.path, in the order of
 * a cache. They are the same for any number of ranks and any limits.memory. What was mined is
 * kept in the run folder (jobs/cache/mining/kept.h), and taken from there where options and
 * sources are the same as then.
 * @param[in]  folder    the run folder, which all ranks see; made where it is not there
 * @param[out] entries   on rank 0: replaced; elsewhere untouched
 * AC_E_ARG where no entry is left, AC_E_IO where a text vanished or changed meanwhile, or the
 * folder's disk is full.
 */
AC_MUST_CHECK ac_status ac_mine_all(const ac_comm *comm, const ac_config *config,
                                    const char *folder, ac_texts *entries);

/** Collective. The same with options and inputs given; out on rank 0, with kinds, counts and
 * PMI. progress_path may be NULL. config: how long to wait for what another rank has written
 * (jobs/runtime/visible.h); NULL: not at all. */
AC_MUST_CHECK ac_status ac_mine_inputs_all(const ac_comm *comm, const ac_config *config,
                                           const char *const *inputs, int64_t count,
                                           const ac_mining_options *options,
                                           const char *progress_path, ac_mined *out,
                                           ac_mining_report *report);

#endif
