/** A caption's evidence as JSON: in captions.jsonl and items.jsonl. */
#ifndef AC_JOBS_RUNTIME_EVIDENCE_JSON_H
#define AC_JOBS_RUNTIME_EVIDENCE_JSON_H

#include "engine/metrics/evidence.h"
#include "jobs/runtime/shard_view.h"

/**
 * {"words": […], "spans": [{"from", "count", "entry", "id"}], "not_in_table": […], "margin"}:
 * the caption's words; runs of them that an entry has, with its text and id; the content words
 * that no entry has; the distance between the best two candidates' CLIP scores (null where
 * there are not two). Appended.
 * @param[in] untrained  [words.count]: the content words that no training caption has, written
 *                       as "not_in_training"; NULL: not known, and not written
 * @param[in] entries  those that the evidence was found in, from `first` on; ids: theirs
 */
AC_MUST_CHECK ac_status ac_evidence_push_json(ac_buffer *out, const ac_evidence_finder *finder,
                                              const ac_evidence *evidence,
                                              const ac_texts *entries, int64_t first,
                                              const int64_t *ids, double margin,
                                              const bool *untrained);

/** The same of image i of a shard with tables and captions. */
AC_MUST_CHECK ac_status ac_evidence_push_row(ac_buffer *out, ac_evidence_finder *finder,
                                             const ac_shard_view *view, int64_t i);

#endif
