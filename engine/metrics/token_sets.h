/** The sets of code points in the expressions of token_automaton.h, and the classes that they
 * divide all code points into. */
#ifndef AC_ENGINE_METRICS_TOKEN_SETS_H
#define AC_ENGINE_METRICS_TOKEN_SETS_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/status.h"

/** Code points [first, last]. */
typedef struct ac_point_range {
    int32_t first, last;
} ac_point_range;

/** Starts zeroed. */
typedef struct ac_token_sets {
    ac_point_range *ranges; /* of all sets, one after the other, sorted within a set */
    int64_t range_count, range_capacity;
    int64_t *ends; /* [count]: behind the ranges of a set */
    int64_t count, capacity;
    int class_count;
    uint8_t *classes; /* [0x10000]; what is beyond is of the class of 0xFFFF */
    bool *has;        /* [count, class_count] */
} ac_token_sets;

/** The set at *at, which is moved behind it: [ ], a set with a name, or one sign. */
AC_MUST_CHECK ac_status ac_token_sets_parse(ac_token_sets *self, const char **at, int *set);

/** After the last set: find the classes. */
AC_MUST_CHECK ac_status ac_token_sets_divide(ac_token_sets *self);
void ac_token_sets_free(ac_token_sets *self);

static inline int
ac_token_sets_class(const ac_token_sets *self, int32_t point)
{
    return self->classes[point < 0x10000 ? point : 0xFFFF];
}
static inline bool
ac_token_sets_has(const ac_token_sets *self, int set, int kind_of_point)
{
    return self->has[set * self->class_count + kind_of_point];
}

#endif
