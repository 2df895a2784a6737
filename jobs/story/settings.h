/** How stories are generated. */
#ifndef AC_JOBS_STORY_SETTINGS_H
#define AC_JOBS_STORY_SETTINGS_H

#include "io/config/config.h"
#include "jobs/models/causal_model.h"

/** The config's keys over this job's defaults; of the model's files the token ids alone count.
 * AC_E_ARG names the key that cannot be. */
AC_MUST_CHECK ac_status ac_story_set_generation(ac_causal_model *model,
                                                const ac_config *config);

#endif
