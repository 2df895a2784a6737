/** The score proper: the dot product accumulated in double in index order, rounded once to
 * float. Private to engine/retrieval. */
#ifndef AC_ENGINE_RETRIEVAL_EXACT_H
#define AC_ENGINE_RETRIEVAL_EXACT_H

#include <stdint.h>

float ac_exact_score(const float *q, const float *c, int64_t D);

/** scores [n]: of the rows [D] that `rows` [n] points at; several sums run side by side, each
 * in its own order. */
void ac_exact_scores(float *scores, const float *q, const float *const *rows, int64_t n,
                     int64_t D);

#endif
