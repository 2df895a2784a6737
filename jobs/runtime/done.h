/** RUN/DONE: the last file of a run, with the checksums of those made by its merge, as
 * `xxh128sum -c DONE` reads them. */
#ifndef AC_JOBS_RUNTIME_DONE_H
#define AC_JOBS_RUNTIME_DONE_H

#include "engine/base/status.h"

/** Checksum every finished file of the folder but the shards (the manifest has those), and
 * publish DONE. */
AC_MUST_CHECK ac_status ac_done_write(const char *folder);

/** AC_E_FORMAT or AC_E_IO naming the first file that is gone or not what it was. */
AC_MUST_CHECK ac_status ac_done_check(const char *folder);

/** The same for each file: visit is called with the file's name
 * and NULL, or what is wrong with it. */
AC_MUST_CHECK ac_status ac_done_visit(const char *folder,
                                      void (*visit)(void *context, const char *name,
                                                    const char *trouble),
                                      void *context);

#endif
