/** A cache of labels: each label's embedding is the mean over the sentences of
 * retrieval.templates, as in CLIP's zero-shot recipe: every sentence embedded and normalised,
 * their mean, normalised. */
#ifndef AC_JOBS_CACHE_LABELS_H
#define AC_JOBS_CACHE_LABELS_H

#include "engine/comm/comm.h"
#include "io/config/config.h"
#include "jobs/models/clip_model.h"

/**
 * Collective. The cache `folder` from the labels in the text file `path`, one per line. The
 * sentences are embedded as a cache of their own in the folder `work`, which is removed in the
 * end, so an interrupted build resumes. Where the cache is there already, made from the same,
 * nothing is done. AC_E_ARG where a template does not hold {} once.
 */
AC_MUST_CHECK ac_status ac_labels_build_all(const ac_comm *comm, const ac_config *job,
                                            ac_clip_model *clip, const char *path,
                                            const char *folder, const char *work);

#endif
