/** How much memory there is, and how much was used. */
#ifndef AC_JOBS_RUNTIME_MEMORY_LIMIT_H
#define AC_JOBS_RUNTIME_MEMORY_LIMIT_H

#include <stdint.h>

#include "engine/comm/comm.h"

/** Bytes of memory that the ranks of this node may use together (job_limits.h). */
int64_t ac_machine_memory(void);

/** Bytes for one of so many tasks, which the ranks of a node share: of limit (limits.memory),
 * or where that is 0 of the node's memory. */
int64_t ac_memory_for_task(const ac_comm *comm, int64_t limit, int64_t tasks);

/** Collective. The most bytes that any rank has had in memory so far. */
int64_t ac_peak_memory_all(const ac_comm *comm);

#endif
