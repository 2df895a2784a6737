/** Texts of training that were being tokenized when an earlier attempt died. */
#ifndef AC_JOBS_TRAIN_CRASH_PROBE_H
#define AC_JOBS_TRAIN_CRASH_PROBE_H

#include "jobs/train/data.h"

/** Collective, before the stages. Rank 0 tokenizes the suspects' tables and captions in a
 * child; items whose texts end it are quarantined. */
AC_MUST_CHECK ac_status ac_training_probe_all(ac_run *run, const ac_image_source *images,
                                              const ac_bart_model *bart);

#endif
