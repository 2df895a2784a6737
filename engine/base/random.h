/**
 * Counter-based random numbers: Philox 4x32-10 (Random123).
 * A number is a pure function of (seed, stream, position), so it depends on no order of work,
 * rank or thread.
 */
#ifndef AC_ENGINE_BASE_RANDOM_H
#define AC_ENGINE_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/** y [4] = Philox4x32-10 of counter [4] under key [2]. Local. Golden:
 * golden/sampling/philox4x32_10.json */
void ac_philox(uint32_t y[4], const uint32_t counter[4], const uint32_t key[2]);

/** A 64-bit stream number from a text (an image's key): XXH3, seed 0. */
uint64_t ac_random_stream(const char *text, size_t n);

/**
 * A uniform double in [0, 1) with 53 bits: seed is Philox's key; stream, a and b (candidate,
 * step …) its counter. Counter words: stream (low, high), a, b.
 */
double ac_random_uniform(uint64_t seed, uint64_t stream, uint32_t a, uint32_t b);

#endif
