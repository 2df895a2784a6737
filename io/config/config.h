/** A job's configuration: YAML, one table of keys for types, defaults, ranges and help. docs:
 * antarctic JOB --print-config. */
#ifndef AC_IO_CONFIG_CONFIG_H
#define AC_IO_CONFIG_CONFIG_H

#include "engine/base/buffer.h"
#include "engine/generation/generation_config.h"
#include "engine/linear/compute.h"
#include "io/config/config_types.h"

/** Defaults. */
AC_MUST_CHECK ac_status ac_config_init(ac_config *self);
void ac_config_free(ac_config *self);

/** Read a YAML file over what is set. AC_E_ARG names file, line, key and the nearest known key.
 */
AC_MUST_CHECK ac_status ac_config_read(ac_config *self, const char *path);

/** One "key.path=value", as on the command line. */
AC_MUST_CHECK ac_status ac_config_set(ac_config *self, const char *assignment);

/** The keys that a job cannot do without, and what they mean. Returns how many; names and
 * meanings [AC_CONFIG_MOST_NEEDED]. */
int ac_config_needed(const char *job, const char *names[], const char *meanings[]);

/** Does this job read that key? */
bool ac_config_has(const char *job, const char *name);

/** Are the keys there that this job cannot do without? The message says how to give them. */
AC_MUST_CHECK ac_status ac_config_check(const ac_config *self, const char *job);

/**
 * Are the files and folders there that this job reads? later: another run will make some first,
 * and what a run can make (a cache, trained layer norms) may be missing still. AC_E_IO names
 * the key.
 */
AC_MUST_CHECK ac_status ac_config_check_paths(const ac_config *self, const char *job,
                                              bool later);

/** The keys of the job (NULL: all keys) as commented YAML, every default written out. Reads
 * back to the same. */
AC_MUST_CHECK ac_status ac_config_print(const ac_config *self, const char *job, ac_buffer *out);

/** XXH3-128 of the keys that decide the output, 32 digits and a zero byte. */
AC_MUST_CHECK ac_status ac_config_fingerprint(const ac_config *self, const char *job,
                                              char hex[33]);

/** The lines that differ between two printed configs: "retrieval.topk: 10" is now
 * "retrieval.topk: 12"; …. */
AC_MUST_CHECK ac_status ac_config_difference(const char *before, const char *after,
                                             ac_buffer *out);

/** limits.max_bad_items as a count: the share of the items, and never fewer than 10. */
int64_t ac_config_max_bad_items(const ac_config *self, int64_t items);

/** retrieval.max_tokens, at most the model's own limit. */
int64_t ac_config_max_tokens(const ac_config *self, int64_t model_limit);

/** The paths of a key that takes a list (cache.path); replaces what `out` held. */
AC_MUST_CHECK ac_status ac_config_paths(const char *value, ac_texts *out);

/** backend and precision, as the networks take them. */
ac_compute ac_config_compute(const ac_config *self);

/** The generation keys that are set, laid over what the model's files say. AC_E_NOMEM. */
AC_MUST_CHECK ac_status ac_config_generation(const ac_config *self, ac_generation_config *out);

#endif
