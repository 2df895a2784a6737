/** What to generate: greedy search, beam search or sampling, and their settings. */
#ifndef AC_GENERATION_GENERATION_CONFIG_H
#define AC_GENERATION_GENERATION_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/models/decoder.h"

typedef enum ac_early_stopping {
    AC_EARLY_FALSE = 0,
    AC_EARLY_TRUE,
    AC_EARLY_NEVER
} ac_early_stopping;
typedef enum ac_beam_search { AC_BEAM_HF5 = 0, AC_BEAM_HF49 } ac_beam_search;

/** transformers' names. Lengths count the prompt. A token id of -1: none. */
typedef struct ac_generation_config {
    int64_t num_beams, num_return_sequences, max_length, min_length, no_repeat_ngram_size;
    bool do_sample;
    double temperature, top_p, length_penalty;
    int64_t top_k; /* 0: off */
    ac_early_stopping early_stopping;
    ac_beam_search beam_search;
    int32_t forced_bos_token_id, forced_eos_token_id, decoder_start_token_id, eos_token_id;
    uint64_t seed;
} ac_generation_config;

/** transformers' defaults, with the model's special tokens. `start` begins a sequence that
 * comes without a prompt. */
void ac_generation_config_defaults(ac_generation_config *self, int32_t start, int32_t eos);

/** Searches per text. Drawing with beams, transformers 4.9 runs one for each returned sequence
 * and returns the best of each. */
int64_t ac_generation_config_searches(const ac_generation_config *self);

/** AC_E_ARG names the key and what it may be with this decoder's vocabulary and positions. */
AC_MUST_CHECK ac_status ac_generation_config_check(const ac_generation_config *self,
                                                   const ac_decoder *decoder);

#endif
