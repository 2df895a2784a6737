/**
 * A run whose input changed: --update. The input as it is is compared with the last list of the
 * run's items (item_list.h); what is new or changed becomes a generation of its own, whose
 * shards follow those of before, and a new list says what belongs to the run. All of this is
 * local to rank 0, before the run opens; from then on the run is one that is not finished, and
 * any later start, with --update or without, finishes it.
 */
#ifndef AC_JOBS_RUNTIME_UPDATE_H
#define AC_JOBS_RUNTIME_UPDATE_H

#include <stdio.h>

#include "jobs/runtime/run.h"

/**
 * The run in `folder`, if there is one, gets the generation that its input asks for; nothing is
 * changed where the input is that of before. AC_E_ARG where the run is another job's or has
 * another config or other models.
 * @param[in] id  with its images, as they were opened here
 */
AC_MUST_CHECK ac_status ac_update_plan(const char *folder, const ac_config *config,
                                       const ac_run_identity *id);

/** What ac_update_plan would do: counts and first keys, as lines. Nothing is changed. Models
 * are not compared. */
AC_MUST_CHECK ac_status ac_update_show(const char *folder, const ac_config *config,
                                       const char *job, const ac_image_source *images,
                                       FILE *out);

/** The list of items of a run that begins. */
AC_MUST_CHECK ac_status ac_update_begin_list(const char *folder, const ac_config *config,
                                             const ac_image_source *images);

/**
 * The same for a run without a list, made by a version that had none, whose input has the names
 * and sizes of then. The stamps of files that were changed after the run began are not known,
 * so that an update computes them. Nothing is done where there is a list.
 */
AC_MUST_CHECK ac_status ac_update_adopt(const char *folder, const ac_config *config,
                                        const ac_image_source *images);

/**
 * numbers[item of the run] = item of the input, or -1, from the last list. AC_E_FORMAT where
 * the list is not of an input of so many items.
 * @param[out] numbers  [ac_manifest_numbers]
 */
AC_MUST_CHECK ac_status ac_update_numbers(const char *folder, const ac_manifest *manifest,
                                          int64_t *numbers);

/**
 * Local, rank 0, before DONE: updates.jsonl has the line of the last update.
 * @param[in] nothing  an update found nothing to compute: a line that says so
 */
AC_MUST_CHECK ac_status ac_update_record(const ac_run *run, bool nothing);

#endif
