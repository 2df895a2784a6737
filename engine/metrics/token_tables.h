/** Tables of code points for token_sets.c. Each ends with { -1, -1 }. */
#ifndef AC_ENGINE_METRICS_TOKEN_TABLES_H
#define AC_ENGINE_METRICS_TOKEN_TABLES_H

#include "engine/metrics/token_sets.h"

extern const ac_point_range ac_token_letters[], ac_token_capitals[], ac_token_digits[],
    ac_token_marks[], ac_token_symbols[];

#endif
