/**
 * What generation knows of a model: a decoder that reads tokens and gives logits. BART is one;
 * a causal language model is another, without encoder inputs. Everything that was read is in
 * the state: the key/value cache, which is the same for all models, and what the model adds.
 *
 * A caller reserves a state, lets the decoder read the encoder inputs (where it has an
 * encoder), prefills the prompts, and then steps: one row per open line.
 */
#ifndef AC_MODELS_DECODER_H
#define AC_MODELS_DECODER_H

#include "engine/models/kv_cache.h"

/** How much a state and a scratch hold. */
typedef struct ac_decoder_capacity {
    int64_t slots, positions;     /* lines of decoding, and the positions of each */
    int64_t rows;                 /* rows of one step */
    int64_t inputs, input_tokens; /* encoder inputs, and their tokens in all */
} ac_decoder_capacity;

/** Encoder inputs: input i is ids[offsets[i] .. offsets[i + 1]). Shapes: ids [offsets[count]];
 * offsets [count + 1], from 0. */
typedef struct ac_decoder_inputs {
    const int32_t *ids;
    const int64_t *offsets;
    int64_t count;
} ac_decoder_inputs;

typedef struct ac_decoder_state ac_decoder_state;

/** What a model implements. `model` is the decoder's. All local; what returns no status cannot
 * fail. */
typedef struct ac_decoder_type {
    const char *name; /* in messages: "BART" */

    /** state->capacity is set and all else zeroed: make the cache, and `own`. AC_E_NOMEM. */
    ac_status (*state_init)(const void *model, ac_decoder_state *state);
    /** Free `own`, which may be half built; NULL: there is none. */
    void (*state_free)(ac_decoder_state *state);

    /** Of read_inputs and step. */
    size_t (*scratch_bytes)(const void *model, const ac_decoder_capacity *capacity);

    /** Encode; the inputs of before are forgotten. NULL: the model has no encoder. */
    void (*read_inputs)(const void *model, ac_decoder_state *state,
                        const ac_decoder_inputs *inputs, ac_scratch *scratch);

    /** As ac_decoder_step. Rows are checked and entered into the cache. Rows of one slot come
     * in order of positions and may all stand in one step. */
    void (*step)(const void *model, ac_decoder_state *state, float *logits,
                 const ac_decoder_row *rows, int64_t R, ac_scratch *scratch);
} ac_decoder_type;

/** A view: borrows the model. */
typedef struct ac_decoder {
    const ac_decoder_type *type;
    const void *model;
    int64_t vocab_size, max_positions;
} ac_decoder;

/** Usable when zeroed. */
struct ac_decoder_state {
    ac_decoder decoder;
    ac_decoder_capacity capacity;
    ac_kv_cache cache;
    void *own; /* what the model adds: BART's keys and values of the encoder inputs */
};

/**
 * A state of `decoder` that holds at least `needed`; its content is lost where it has to grow.
 * AC_E_NOMEM: the state is empty.
 */
AC_MUST_CHECK ac_status ac_decoder_state_reserve(ac_decoder_state *self,
                                                 const ac_decoder *decoder,
                                                 const ac_decoder_capacity *needed);
void ac_decoder_state_free(ac_decoder_state *self);

/** Scratch of all functions below, for a reserved state. */
size_t ac_decoder_scratch_bytes(const ac_decoder_state *self);

/** Encode the inputs, which rows then name by number. Nothing, where the model has no encoder.
 */
void ac_decoder_read_inputs(ac_decoder_state *self, const ac_decoder_inputs *inputs,
                            ac_scratch *scratch);

/**
 * Read R rows. Shapes: logits [rows that want logits, vocab_size], in order of the rows; rows
 * [R]. Local. Cannot fail. The bits do not depend on the number of threads, nor, where the
 * linear layers' rows stand alone, on which rows share a step.
 */
void ac_decoder_step(ac_decoder_state *self, float *logits, const ac_decoder_row *rows,
                     int64_t R, ac_scratch *scratch);

/** The tokens that a sequence begins with, all but the first from position 1 on. */
typedef struct ac_decoder_prompt {
    const int32_t *tokens; /* [count], count > 0 */
    int64_t count;
    int32_t slot, input;
} ac_decoder_prompt;

/**
 * Read n prompts of any lengths, at most `capacity.rows` tokens per step. What a prompt has in
 * common with the beginning of an earlier one, and attends to the same input, is not computed
 * again. Shapes: logits [n, vocab_size], those after each prompt's last token; prompts [n], in
 * slots of their own.
 */
void ac_decoder_prefill(ac_decoder_state *self, float *logits, const ac_decoder_prompt *prompts,
                        int64_t n, ac_scratch *scratch);

/**
 * The same where slot `behind` holds the first `common` tokens of every prompt: all prompts
 * continue it, and nothing else is shared. common < count of each prompt.
 */
void ac_decoder_prefill_behind(ac_decoder_state *self, float *logits,
                               const ac_decoder_prompt *prompts, int64_t n, int32_t behind,
                               int64_t common, ac_scratch *scratch);

/** For a model's step: the rows of x [R, C] that want logits, moved to the front. Returns how
 * many. */
int64_t ac_decoder_gather_wanted(float *x, int64_t C, const ac_decoder_row *rows, int64_t R);

#endif
