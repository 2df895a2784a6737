/**
 * Crash probes: what was in flight when an earlier attempt died is worked on once more, in a
 * child process. What ends the child too is confirmed, and quarantined.
 */
#ifndef AC_JOBS_RUNTIME_CRASH_PROBE_H
#define AC_JOBS_RUNTIME_CRASH_PROBE_H

#include "jobs/runtime/child.h"
#include "jobs/runtime/run.h"

/**
 * Local, on every rank: probe this rank's share of the run's suspects.
 * @param[out] crashes  [items]: starts false; true where the item is confirmed
 */
typedef ac_status (*ac_crash_probe)(void *context, bool *crashes);

/**
 * Collective, between ac_run_open_all and the stages. Where the run has suspects, they are
 * probed, and what is confirmed is quarantined (ac_run_quarantine_all, with these names and
 * `all`).
 */
AC_MUST_CHECK ac_status ac_crash_probe_all(ac_run *run, ac_crash_probe probe, void *context,
                                           const ac_item_names *names, bool all);

/** A child that prints a line once it works at all, and then a line for each of the suspects
 * first … first + n - 1 before it begins the next. */
typedef ac_child_end (*ac_crash_probe_child)(void *context, int64_t first, int64_t n,
                                             int64_t *lines);

/**
 * Local. Suspects 0 … count - 1, one after the other; one that ended its child is probed again,
 * alone, in a fresh child.
 * @param[in] what        names the suspects, for the log: nothing is confirmed where the probe
 *                        itself does not work
 * @param[out] confirmed  [count]: true where the suspect ended both children, by something that
 *                        cannot have come from elsewhere
 */
void ac_crash_probe_each(int64_t count, ac_crash_probe_child child, void *context,
                         const char *what, bool *confirmed);

/**
 * Local. Items, worked on by a child: a command of this program, which is given their keys
 * behind its words and prints as an ac_crash_probe_child.
 * @param[in] words     ends with NULL
 * @param[in] keys      of the suspects; items [keys->count]: their numbers
 * @param[out] crashes  [items of the run]: true where the suspect is confirmed
 */
AC_MUST_CHECK ac_status ac_crash_probe_items(const ac_run *run, char *const *words,
                                             const ac_texts *keys, const int64_t *items,
                                             const char *what, bool *crashes);

/**
 * Local. Texts, tokenized by a child (the tool `tokenize`).
 * @param[in] model       a model's folder or file; kind: "clip" or "bart"
 * @param[in] what        what the texts are, for the log
 * @param[out] confirmed  [texts->count]: starts false; true where the text ends the child
 */
AC_MUST_CHECK ac_status ac_crash_probe_texts(const ac_run *run, const char *model,
                                             const char *kind, const ac_texts *texts,
                                             const char *what, bool *confirmed);

#endif
