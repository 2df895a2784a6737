/** How much memory there is. */
#ifndef AC_JOBS_RUNTIME_MEMORY_LIMIT_H
#define AC_JOBS_RUNTIME_MEMORY_LIMIT_H

#include <stdint.h>

/** Bytes of memory of this machine, or of the container (cgroup) this process is in where that has less. */
int64_t ac_machine_memory(void);

#endif
