/** metrics.json, items.jsonl, and what goes to and comes from other scorers. Rank 0's. */
#ifndef AC_JOBS_EVALUATE_RESULTS_H
#define AC_JOBS_EVALUATE_RESULTS_H

#include "jobs/evaluate/scores.h"
#include "jobs/evaluate/traces.h"

typedef struct ac_results {
    const ac_evaluated *evaluated;
    const ac_scores *scores;
    const ac_traces *traces;
    const ac_config *config;
    const ac_image_source *images; /* NULL: none */
    int64_t rejected_images;
} ac_results;

AC_MUST_CHECK ac_status ac_results_write_metrics(const ac_results *self, const char *path);
AC_MUST_CHECK ac_status ac_results_write_items(const ac_results *self, const char *path);

/** SPICE's input: [{"image_id", "test", "refs"}]. */
AC_MUST_CHECK ac_status ac_results_export_spice(const ac_results *self, const char *path);

/**
 * Scores of another program as further columns: SPICE's output ([{"image_id", "scores": {"All":
 * {"f"}}}], as SPICE), {"id": score} (as SPICE), {"NAME": {"id": score}}. Items without a
 * score, and scores that are no finite numbers, are counted in the log (quiet: not said).
 * AC_E_FORMAT where it is none of these, or no id is one of ours.
 */
AC_MUST_CHECK ac_status ac_results_merge_scores(ac_scores *scores,
                                                const ac_evaluated *evaluated, const char *path,
                                                bool quiet);

/** The scores of metrics.json as log lines. */
AC_MUST_CHECK ac_status ac_results_show(const char *path);

#endif
