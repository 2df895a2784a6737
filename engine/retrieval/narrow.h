/** Between the scan and the exact score: a dot product in single precision, in any order, with
 * a proven bound of what it lacks to the score. Private to engine/retrieval; the bound:
 * docs/adr/0501-exact-search.md. */
#ifndef AC_ENGINE_RETRIEVAL_NARROW_H
#define AC_ENGINE_RETRIEVAL_NARROW_H

#include <stdbool.h>
#include <stdint.h>

/**
 * The score of q and c, both [D], lies within [lower, upper], and lower < upper.
 * @param[in] next  the row after it, to be fetched meanwhile; c itself where there is none
 * @return false where numbers are so large that nothing can be said; then nothing is written
 */
bool ac_narrow(double *lower, double *upper, const float *q, const float *c, const float *next,
               int64_t D);

#endif
