/**
 * Scores as probabilities: softmax(scale · score) over all entries that were searched.
 *
 * The sum of exp(scale (score - top)) is kept as a whole number of 2^-40, so that it is the
 * same in any order and from any partition; the exponential is computed by additions and
 * multiplications alone, so that it is the same on every CPU.
 */
#ifndef AC_ENGINE_RETRIEVAL_PROBABILITY_H
#define AC_ENGINE_RETRIEVAL_PROBABILITY_H

#include <stdint.h>

/* More entries than this could overflow the sum. */
enum { AC_PROBABILITY_MOST = 1 << 22 };

/** One entry's share of the sum: 2^40 exp(scale (score - top)), rounded. top: the best score.
 */
int64_t ac_probability_weight(float scale, float score, float top);

/** sums [nq]: of the entries [n, D] (embeddings), added to what is there; top [nq]: each
 * query's best score over all slices. Scores are those of the search. Runs on OpenMP's threads.
 */
void ac_probability_sums(int64_t *sums, const float *embeddings, int64_t n, int64_t D,
                         const float *queries, int64_t nq, const float *top, float scale);

/** The probability of an entry with this score, given the sum over all. */
float ac_probability(float scale, float score, float top, int64_t sum);

#endif
