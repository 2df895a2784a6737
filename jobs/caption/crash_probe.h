/** Images that were in hand when an earlier attempt died, tried once more in processes of their
 * own. */
#ifndef AC_JOBS_CAPTION_CRASH_PROBE_H
#define AC_JOBS_CAPTION_CRASH_PROBE_H

#include "jobs/caption/stages.h"

/**
 * Collective. The run's suspects are shared out: an image that was being read is read in a
 * child process (the tool `preprocess`), one that was being captioned is captioned in a child
 * (the command `recaption`, from its table). One that ends the child too is quarantined; all
 * others were in hand by chance.
 */
AC_MUST_CHECK ac_status ac_trial_all(ac_pipeline *self);

#endif
