/**
 * Dropout from counters: whether a number is dropped is a pure function of (seed, item, place,
 * row, column), so that the backward pass finds the same mask again without saving it, and no
 * batch, rank or thread changes it.
 */
#ifndef AC_TRAINING_DROPOUT_H
#define AC_TRAINING_DROPOUT_H

#include <stdbool.h>
#include <stdint.h>

/** One of the network's dropouts. Zeroed: off. */
typedef struct ac_dropout {
    /* Of 65,536: a number whose 16 random bits lie below it is dropped; 0: off. */
    uint32_t threshold;
    /* Of the others: 1 / (1 - threshold / 65,536), so that the mean stays the same. */
    float scale;
    uint64_t seed;
} ac_dropout;

/** @param[in] probability  0 <= p < 1, rounded to a 65,536th */
ac_dropout ac_dropout_make(double probability, uint64_t seed);

static inline bool
ac_dropout_is_on(const ac_dropout *self)
{
    return self->threshold != 0;
}

/**
 * x [n] in place: row `row` of the item `stream` at the place `place` of the network. Forward
 * and backward alike (the gradient passes through the same mask). Does nothing where dropout is
 * off.
 *
 * Column i takes half i mod 8 (low half of word 0 first) of the Philox block with counter
 * (stream low, stream high, place, row × ceil(n / 8) + i / 8) under the seed as key; so an item
 * has at most 2^32 blocks at a place.
 */
void ac_dropout_row(const ac_dropout *self, float *x, int64_t n, uint64_t stream,
                    uint32_t place, int64_t row);

#endif
