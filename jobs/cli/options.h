/** Command-line options of the commands and tools: one table gives the parsing and the help. */
#ifndef AC_JOBS_CLI_OPTIONS_H
#define AC_JOBS_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/base/status.h"

typedef struct ac_option {
    const char *name;     /* "num-beams": --num-beams X or --num-beams=X; NULL: end of table */
    char letter;          /* 'k': -k X; 0: none */
    const char *argument; /* "N" for the help; NULL: a flag; "[=WORD]": only as --name=WORD, and
                             may be left out */
    const char *help;
} ac_option;

enum { AC_ARGUMENTS_MAX_SET = 64 };

/** What was given. Points into argv. `words` (owned): the arguments that are not options. */
typedef struct ac_arguments {
    struct {
        const ac_option *option;
        const char *value; /* "" for a flag */
    } set[AC_ARGUMENTS_MAX_SET];
    int set_count;
    const char **words;
    int word_count;
    int more_words; /* behind them: those of an option with several values */
    bool help;
} ac_arguments;

/** Parse argv[1 …]; "--" ends the options. AC_E_ARG names an unknown option and the nearest
 * known one. */
AC_MUST_CHECK ac_status ac_arguments_parse(ac_arguments *self, const ac_option *options,
                                           int argc, char **argv);
void ac_arguments_free(ac_arguments *self);

/** The last value given; NULL if not given ("" for a flag that was). */
const char *ac_arguments_get(const ac_arguments *self, const char *name);
static inline bool
ac_arguments_has(const ac_arguments *self, const char *name)
{
    return ac_arguments_get(self, name) != NULL;
}

/** Typed: *out stays where the option was not given. AC_E_ARG with the option's name where it
 * does not parse. */
AC_MUST_CHECK ac_status ac_arguments_int(const ac_arguments *self, const char *name,
                                         int64_t *out, int64_t least, int64_t most);
AC_MUST_CHECK ac_status ac_arguments_real(const ac_arguments *self, const char *name,
                                          double *out);
AC_MUST_CHECK ac_status ac_arguments_bool(const ac_arguments *self, const char *name,
                                          bool *out); /* true/false, yes/no, on/off, 1/0 */

/** AC_E_ARG unless the option was given. */
AC_MUST_CHECK ac_status ac_arguments_need(const ac_arguments *self, const char *name,
                                          const char **out);

/** AC_E_ARG where the option was given more than once: for one that names what is read, of
 * which the last alone would count unnoticed. */
AC_MUST_CHECK ac_status ac_arguments_once(const ac_arguments *self, const char *name);

void ac_options_help(FILE *f, const char *usage, const char *what, const ac_option *options);

/** The candidate nearest to `word` by edit distance, or NULL if none is near. names ends with
 * NULL. */
const char *ac_nearest_word(const char *word, const char *const *names);

#endif
