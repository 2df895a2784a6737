/** The settings of generation by transformers' names: one table, by which models' files and
 * jobs' configs are read. */
#ifndef AC_GENERATION_GENERATION_KEYS_H
#define AC_GENERATION_GENERATION_KEYS_H

#include <stddef.h>

#include "engine/generation/generation_config.h"

typedef enum ac_generation_type {
    AC_GENERATION_WHOLE = 0,
    AC_GENERATION_REAL,
    AC_GENERATION_TRUTH,
    AC_GENERATION_EARLY, /* false, true, never */
    AC_GENERATION_TOKEN, /* an id; -1: none */
    AC_GENERATION_ENDS,  /* an id, or a list of ids: eos_token_id */
    AC_GENERATION_DECAY, /* [start, factor] */
    AC_GENERATION_LISTS,
    AC_GENERATION_TEXTS /* a text, or a list of texts: JSON */
} ac_generation_type;

/** A row. */
typedef struct ac_generation_key {
    const char *name;
    ac_generation_type type;
    size_t offset;        /* in ac_generation_config */
    double least, most;   /* WHOLE, REAL, TOKEN */
    bool above;           /* REAL: above `least`, not `least` itself */
    ac_token_shape shape; /* LISTS */
} ac_generation_key;

extern const ac_generation_key ac_generation_keys[];
extern const size_t ac_generation_key_count;

/** NULL: there is none of this name. */
const ac_generation_key *ac_generation_key_find(const char *name);

/**
 * Set a key from its text, a value as JSON or YAML has it: 3, true, never, [[5, 6], [7]].
 * AC_E_ARG: what it must be, for the caller to put file and key in front. The range is checked
 * as far as it does not depend on the model or on other keys.
 */
AC_MUST_CHECK ac_status ac_generation_key_set(const ac_generation_key *key,
                                              ac_generation_config *config, const char *text);

/** Switch a key off: what it does then is what a config's `none` says. A start token stays. */
void ac_generation_key_clear(const ac_generation_key *key, ac_generation_config *config);

#endif
