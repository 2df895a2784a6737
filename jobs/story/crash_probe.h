/**
 * Captions that end the process while they are continued. What was in flight at two deaths is
 * continued once more in a child (the command `retell`), one caption after the other; a caption
 * that ends the child too, and again when it is alone, is quarantined (ADR 804).
 */
#ifndef AC_JOBS_STORY_CRASH_PROBE_H
#define AC_JOBS_STORY_CRASH_PROBE_H

#include "jobs/runtime/run.h"
#include "jobs/story/captions.h"

/** Collective, between ac_run_open_all and the stage. */
AC_MUST_CHECK ac_status ac_story_probe_all(ac_run *run, const ac_story_captions *captions);

#endif
