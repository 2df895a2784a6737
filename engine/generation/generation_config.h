/** What to generate: greedy search, beam search or sampling, and their settings. */
#ifndef AC_GENERATION_GENERATION_CONFIG_H
#define AC_GENERATION_GENERATION_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/buffer.h"
#include "engine/generation/token_sequences.h"
#include "engine/models/decoder.h"

typedef enum ac_early_stopping {
    AC_EARLY_FALSE = 0,
    AC_EARLY_TRUE,
    AC_EARLY_NEVER
} ac_early_stopping;
typedef enum ac_beam_search { AC_BEAM_HF5 = 0, AC_BEAM_HF49 } ac_beam_search;

enum { AC_MOST_EOS = 16 };

/** transformers' names. A token id of -1: none. Owns its lists: ac_generation_config_free.
 * What each key does, and which values it takes: generation_keys.c and docs/FORMATS.md. */
typedef struct ac_generation_config {
    int64_t num_beams, num_return_sequences;
    int64_t max_length, max_new_tokens; /* 0: not said; max_length counts the prompt, and
                                           max_new_tokens beats it */
    int64_t min_length, min_new_tokens; /* min_new_tokens -1: not said */
    int64_t no_repeat_ngram_size, encoder_no_repeat_ngram_size; /* 0: off */
    double repetition_penalty, encoder_repetition_penalty;      /* 1: off */
    bool do_sample, renormalize_logits, remove_invalid_values;
    double temperature;                    /* 1: off; this and the next when sampling */
    int64_t top_k;                         /* 0: off */
    double top_h, top_p, min_p, typical_p; /* off: 0, 1, 0, 1 */
    double epsilon_cutoff, eta_cutoff;     /* 0: off */
    double length_penalty, penalty_alpha;  /* penalty_alpha is only ever refused */
    int64_t decay_start;                   /* exponential_decay_length_penalty: */
    double decay_factor;                   /* [start, factor]; start -1: off */
    ac_early_stopping early_stopping;
    ac_beam_search beam_search;
    int32_t forced_bos_token_id, forced_eos_token_id, decoder_start_token_id;
    int32_t eos_token_ids[AC_MOST_EOS];
    int64_t eos_count; /* 0: only the length ends a sequence */
    ac_token_sequences sequence_bias, bad_words_ids, suppress_tokens, begin_suppress_tokens;
    ac_texts stop_strings; /* texts that end a sequence (stop_strings.h); of causal models */
    uint64_t seed;
} ac_generation_config;

/** transformers' defaults, with the model's special tokens. `start` begins a sequence that
 * comes without a prompt; eos -1: none. Does not free what self holds. */
void ac_generation_config_defaults(ac_generation_config *self, int32_t start, int32_t eos);

/** Afterwards self is zeroed. */
void ac_generation_config_free(ac_generation_config *self);

/** Replaces what self holds, which may be zeroed. AC_E_NOMEM: self is as before. */
AC_MUST_CHECK ac_status ac_generation_config_copy(ac_generation_config *self,
                                                  const ac_generation_config *from);

/** Searches per text. Drawing with beams, transformers 4.9 runs one for each returned sequence
 * and returns the best of each. */
int64_t ac_generation_config_searches(const ac_generation_config *self);

/** Tokens that a sequence has at most and at least, those of its prompt counted. Where neither
 * max_length nor max_new_tokens is said, 20 new tokens. Never more than the model has
 * positions.
 */
int64_t ac_generation_config_most(const ac_generation_config *self, int64_t prompt,
                                  int64_t max_positions);
int64_t ac_generation_config_least(const ac_generation_config *self, int64_t prompt);

/** Does this token end a sequence? */
static inline bool
ac_generation_config_ends(const ac_generation_config *self, int32_t token)
{
    for (int64_t i = 0; i < self->eos_count; i++)
        if (self->eos_token_ids[i] == token)
            return true;
    return false;
}

/** AC_E_ARG names the key and what it may be with this decoder's vocabulary and positions. */
AC_MUST_CHECK ac_status ac_generation_config_check(const ac_generation_config *self,
                                                   const ac_decoder *decoder);

#endif
