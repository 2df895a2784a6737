/** Sequences that are generated together. Private to engine/generation. */
#ifndef AC_GENERATION_GROUP_H
#define AC_GENERATION_GROUP_H

#include "engine/generation/generate.h"
#include "engine/generation/logits.h"

/**
 * Members [from, from + n) of the flattened list of (text, sequence), for beams of (text,
 * search). The state has read the encoder inputs of the group's texts, from first_text on. For
 * searches it has slots for all members, num_beams each; for sequences `slots`, which they take
 * as others end, and one more for what all prompts begin with.
 */
typedef struct ac_generation_group {
    ac_generator *generator; /* logits has one row per slot */
    const ac_generation_config *config;
    const ac_generation_input *input;
    int64_t from, n, first_text, slots;
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

/** A text's beginning: its prompt, what the encoder read (without an encoder: the prompt, as in
 * transformers), and how long a sequence may become. */
static inline ac_logits_context
ac_group_context(const ac_generation_group *self, int64_t text)
{
    const ac_generation_input *in = self->input;
    const ac_decoder_prompt prompt = ac_group_prompt(self, text, 0);

    return (ac_logits_context){
        .tokens = prompt.tokens,
        .count = prompt.count,
        .prompt = prompt.count,
        .most = ac_generation_config_most(self->config, prompt.count,
                                          self->generator->state.decoder.max_positions),
        .input = in->ids ? in->ids + in->offsets[text] : prompt.tokens,
        .input_count = in->ids ? in->offsets[text + 1] - in->offsets[text] : prompt.count,
    };
}

#endif
