/** The jobs: what runs under mpirun or srun. Each is collective over comm and works in the run
 * folder `folder`, which is locked. What else a job locks goes on the list `locks`, for the
 * watchdog to renew. */
#ifndef AC_JOBS_JOBS_H
#define AC_JOBS_JOBS_H

#include "engine/comm/comm.h"
#include "io/config/config.h"
#include "jobs/runtime/lock.h"

typedef ac_status (*ac_job_run)(const ac_comm *comm, const ac_config *config,
                                const char *folder, ac_locks *locks);

AC_MUST_CHECK ac_status ac_job_embed_images_all(const ac_comm *comm, const ac_config *config,
                                                const char *folder, ac_locks *locks);
AC_MUST_CHECK ac_status ac_job_tag_all(const ac_comm *comm, const ac_config *config,
                                       const char *folder, ac_locks *locks);
AC_MUST_CHECK ac_status ac_job_caption_all(const ac_comm *comm, const ac_config *config,
                                           const char *folder, ac_locks *locks);
AC_MUST_CHECK ac_status ac_job_train_all(const ac_comm *comm, const ac_config *config,
                                         const char *folder, ac_locks *locks);
AC_MUST_CHECK ac_status ac_job_build_cache_all(const ac_comm *comm, const ac_config *config,
                                               const char *folder, ac_locks *locks);
AC_MUST_CHECK ac_status ac_job_extend_cache_all(const ac_comm *comm, const ac_config *config,
                                                const char *folder, ac_locks *locks);

#endif
