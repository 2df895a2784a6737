/**
 * A set of rules, each a regular expression, as one automaton that finds the rule with the
 * longest match; of rules with equally long matches, the first.
 *
 * Expressions: a literal letter matches both cases; [abc], [a-z], [^abc] are exact; ( | ), * +
 * ? {n} {m,n}; \ before a sign means the sign. Sets with names, in and outside of brackets: \l
 * letters, \u capitals, \d digits of all scripts, \m accents and vowel signs, \y symbols. A
 * rule's context must follow its match and is not part of it, but counts for its length.
 */
#ifndef AC_ENGINE_METRICS_TOKEN_AUTOMATON_H
#define AC_ENGINE_METRICS_TOKEN_AUTOMATON_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/status.h"

typedef struct ac_token_rule {
    const char *pattern;
    const char *context; /* NULL: anything may follow */
    int kind;            /* the caller's */
    int context_points;  /* of every match of the context; 0: they differ */
} ac_token_rule;

typedef struct ac_automaton ac_automaton;

/**
 * @param[in] rules  [count], whose texts are constants
 * @return AC_E_NOMEM. A malformed expression is a bug. Free with ac_automaton_free.
 */
AC_MUST_CHECK ac_status ac_automaton_new(ac_automaton **out, const ac_token_rule *rules,
                                         int count);
void ac_automaton_free(ac_automaton *self);

/** Matches are looked for in points [n] from now on, which are borrowed. AC_E_NOMEM. */
AC_MUST_CHECK ac_status ac_automaton_begin(ac_automaton *self, const int32_t *points,
                                           int64_t n);

/**
 * The best match that starts at point `at`.
 * Local; states are made when they are first reached, so an automaton belongs to one thread.
 * Linear in the length of the text, over all its matches, but for contexts.
 * @param[out] rule    its number; -1: no rule matches
 * @param[out] length  points of the match, without the context
 * @return AC_E_NOMEM
 */
AC_MUST_CHECK ac_status ac_automaton_match(ac_automaton *self, int64_t at, int *rule,
                                           int64_t *length);

/* ---- for tests: the automaton itself. State 0 is the start; -1: no match can follow ---- */
AC_MUST_CHECK ac_status ac_automaton_step(ac_automaton *self, int32_t state, int32_t point,
                                          int32_t *next);
int ac_automaton_accepts(const ac_automaton *self, int32_t state);

#endif
