/** Sequences that are generated together. Private to engine/generation. */
#ifndef AC_GENERATION_GROUP_H
#define AC_GENERATION_GROUP_H

#include "engine/generation/generate.h"

/**
 * Members [from, from + n) of the flattened list of (text, sequence), for beams of (text,
 * search). The state has read the encoder inputs of the group's texts, from first_text on, and
 * has slots for all members (per search: num_beams).
 */
typedef struct ac_generation_group {
    ac_generator *generator; /* logits has one row per slot */
    const ac_generation_config *config;
    const ac_generation_input *input;
    int64_t from, n, first_text;
    ac_generated *out; /* all texts' */
} ac_generation_group;

static inline int64_t
ac_group_vocabulary(const ac_generation_group *self)
{
    return self->generator->state.decoder.vocab_size;
}

/** What the sequences of a text begin with, to be read in `slot`. */
static inline ac_decoder_prompt
ac_group_prompt(const ac_generation_group *self, int64_t text, int64_t slot)
{
    const ac_generation_input *in = self->input;
    const int64_t at = in->prompts ? in->prompt_offsets[text] : 0;

    return (ac_decoder_prompt){ .tokens = in->prompts ? in->prompts + at
                                                      : &self->config->decoder_start_token_id,
                                .count = in->prompts ? in->prompt_offsets[text + 1] - at : 1,
                                .slot = (int32_t) slot,
                                .input = (int32_t) (text - self->first_text) };
}

#endif
