/** Greedy search and sampling of a chunk of sequences. */
#ifndef AC_GENERATION_SAMPLES_H
#define AC_GENERATION_SAMPLES_H

#include "engine/generation/generate.h"

/**
 * Sequences [from, from + n) of the flattened (text, sequence) list into out, whose arrays have
 * their room. self's state holds the cross-attention of texts from first_text on and at least n
 * slots; streams [texts]. Sequences of a text that have drawn the same tokens so far are one
 * line of the decoder until they part. AC_E_NOMEM. Local.
 */
AC_MUST_CHECK ac_status ac_samples_run(ac_generator *self, const ac_bart *bart,
                                       const ac_generation_config *config,
                                       const uint64_t *streams, int64_t from, int64_t n,
                                       int64_t first_text, ac_generated *out);

#endif
