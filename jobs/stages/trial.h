/** Pictures that were in hand when an earlier attempt died, read once more each in a process of its own. */
#ifndef AC_JOBS_STAGES_TRIAL_H
#define AC_JOBS_STAGES_TRIAL_H

#include "jobs/stages/stages.h"

/**
 * Collective. The ranks share out the run's suspects and read each in a child process (the tool `preprocess`). One that ends the
 * child too, by a signal or by not coming to an end, is quarantined; all others were in hand by chance.
 */
ac_status ac_trial_all(ac_pipeline *self);

#endif
