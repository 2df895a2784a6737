/** The one table of config keys: names, types, defaults, ranges, help. Private to
 * io/config, which reads, checks and prints by it. */
#ifndef AC_IO_CONFIG_CONFIG_KEYS_H
#define AC_IO_CONFIG_CONFIG_KEYS_H

#include <stddef.h>

#include "io/config/config_types.h"

/** How a value is written and kept. OPTIONAL types are last: they take "auto" and "none". */
typedef enum ac_key_type {
    KEY_BOOL,
    KEY_INT,
    KEY_REAL,
    KEY_PAIR,
    KEY_SHARE,
    KEY_BYTES,
    KEY_TEXT,
    KEY_PATH,
    KEY_PATHS,     /* a pattern or several; or a file to be written: not looked for */
    KEY_PATH_LIST, /* a path or a list of them, AC_CONFIG_PATHS_BETWEEN between */
    KEY_TEXTS,     /* a list, kept as one text of a line each; none: NULL */
    KEY_CHOICE,
    KEY_OPTIONAL,
    KEY_OPTIONAL_REAL,
    KEY_OPTIONAL_BOOL,
    KEY_OPTIONAL_EARLY,
    KEY_OPTIONAL_LIST, /* of a key of engine/generation/generation_keys.h, which says the shape
                        */
    KEY_OPTIONAL_TEXTS /* the same, of texts */
} ac_key_type;

/** A key that came later: part of a run's fingerprint only where it is set, so that a run that
 * began before there was such a key still matches. */
enum { AC_KEY_IF_SET = 2 };
/* of `ingest` alone, where it is not the default: other jobs read captions anew when they merge
 */
enum { AC_KEY_OF_INGEST = 3 };

/** A row of the table. */
typedef struct ac_config_key {
    const char *name;
    ac_key_type type;
    size_t offset;            /* in ac_config */
    const char *fallback;     /* the default, as in YAML */
    double least, most;       /* numbers */
    const char *const *words; /* choices; NULL at the end */
    int in_fingerprint; /* false, true, AC_KEY_IF_SET (optional types, bools, choices, texts),
                           AC_KEY_OF_INGEST (choices, one text) */
    const char *help;
} ac_config_key;

/** A job's row: which keys it has. A name without a dot may be a section: all of its keys. NULL
 * at the end of each list. */
typedef struct ac_config_job {
    const char *name;
    const char *keys[40];
    const char *needed[AC_CONFIG_MOST_NEEDED + 1]; /* must be given */
    const char *made[4]; /* files that another run may make first (submit --after) */
    const char *input;   /* what input.path is; NULL: images, as its row says */
} ac_config_job;

/** What a key means to a job (NULL: to any). */
const char *ac_config_key_meaning(const ac_config_job *job, const ac_config_key *key);

/** name NULL at the end. */
extern const ac_config_job ac_config_jobs[];

/** In the order in which they are printed. */
extern const ac_config_key ac_config_keys[];
extern const size_t ac_config_key_count;

#endif
