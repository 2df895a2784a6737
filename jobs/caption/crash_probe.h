/** Images that were in flight when an earlier attempt died, worked on once more in processes of
 * their own. */
#ifndef AC_JOBS_CAPTION_CRASH_PROBE_H
#define AC_JOBS_CAPTION_CRASH_PROBE_H

#include "io/source/image_source.h"
#include "jobs/runtime/run.h"

/**
 * Collective, before the stages. The run's suspects are shared out: an image that was being
 * read is read in a child process (the tool `preprocess`), one that was being captioned is
 * captioned in a child (the command `recaption`, from its table). One that ends the child too
 * is quarantined; all others were in flight by chance.
 */
AC_MUST_CHECK ac_status ac_image_probe_all(ac_run *run, const ac_image_source *images);

#endif
