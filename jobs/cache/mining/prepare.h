/** The first step of mining over ranks: sources listed by rank 0, checked and unpacked by all.
 */
#ifndef AC_JOBS_CACHE_MINING_PREPARE_H
#define AC_JOBS_CACHE_MINING_PREPARE_H

#include "cache_builder/mining/mining.h"
#include "engine/comm/comm.h"
#include "io/config/config.h"

/** Collective. Fills miner->corpus, the same on all ranks. Standard input is rank 0's. config:
 * as ac_mine_inputs_all. */
AC_MUST_CHECK ac_status ac_mining_prepare_all(ac_miner *miner, const ac_comm *comm,
                                              const ac_config *config,
                                              const char *const *inputs, int64_t count,
                                              const char *progress_path);

#endif
