/**
 * BART: encoder, and decoder with cached keys and values.
 * Formulas: transformers' modeling_bart. Golden: tests/golden, topic bart.
 */
#ifndef AC_MODELS_BART_H
#define AC_MODELS_BART_H

#include <stdbool.h>

#include "engine/base/memory.h"
#include "engine/base/tensor.h"
#include "engine/linear/compute.h"

typedef struct ac_bart_config {
    int64_t d_model, vocab_size, max_position_embeddings;
    int64_t encoder_layers, encoder_attention_heads, encoder_ffn_dim;
    int64_t decoder_layers, decoder_attention_heads, decoder_ffn_dim;
    ac_activation activation_function;
    bool scale_embedding;
    float layer_norm_eps; /* 1e-5: PyTorch's default, no key in config.json */
    float dropout, attention_dropout, activation_dropout;
    int32_t bos_token_id, pad_token_id, eos_token_id, decoder_start_token_id;
} ac_bart_config;

typedef struct ac_bart {
    ac_bart_config config;
    ac_tap tap;
    struct ac_bart_encoder *encoder;
    struct ac_bart_decoder *decoder;
} ac_bart;

size_t ac_bart_packed_bytes(const ac_bart_config *config, const ac_compute *compute);

/**
 * @param[in] tensors      Hugging Face's names, with or without the prefix "model.";
 * final_logits_bias may be absent
 * @param[in] layer_norms  trained layer norms laid over `tensors` by name, or NULL
 */
AC_MUST_CHECK ac_status ac_bart_init(ac_bart *self, const ac_bart_config *config,
                                     const ac_tensors *tensors, const ac_tensors *layer_norms,
                                     const ac_compute *compute, void *packed, bool fill);
void ac_bart_free(ac_bart *self);

size_t ac_bart_encode_scratch_bytes(const ac_bart *self, int64_t B, int64_t tokens);

/**
 * Encode B texts of different lengths, no padding: text b is ids[offsets[b] .. offsets[b + 1]).
 * Shapes: y [offsets[B], d_model]; ids [offsets[B]]; offsets [B + 1]. Local. Cannot fail.
 */
void ac_bart_encode(const ac_bart *self, float *y, const int32_t *ids, const int64_t *offsets,
                    int64_t B, ac_scratch *scratch);

/**
 * The decoder's memory: keys and values of the texts being decoded. A slot is one line of
 * decoding (a beam, a sample) and holds, layer by layer, a key and a value for each of its
 * steps. A beam that goes on from another does not copy: for each slot and step `ancestry`
 * names the slot whose key and value stand there.
 */
typedef struct ac_bart_state {
    int64_t slots, steps, texts,
        tokens;           /* room: lines, steps a line, encoder texts, encoder tokens in all */
    float *keys, *values; /* [decoder_layers, slots, steps, C] */
    int32_t *ancestry;    /* [slots, steps] */
    float *cross; /* [decoder_layers, texts, heads]: keys, then values, packed for products */
    int64_t cross_layer,
        *cross_at;    /* floats a layer; [texts + 1]: where a text begins in a layer */
    int64_t *offsets; /* [texts + 1]: encoder tokens of a text */
} ac_bart_state;

/** One line that takes part in a step. */
typedef struct ac_bart_line {
    int32_t token; /* the input of this step */
    int32_t slot;  /* where its key and value go */
    int32_t text;  /* whose encoding it looks at */
    int32_t step;  /* its position; the slot's ancestry [0 .. step) is set */
} ac_bart_line;

/** AC_E_NOMEM. Memory is 2 × decoder_layers × (slots × steps + tokens) × d_model floats. */
AC_MUST_CHECK ac_status ac_bart_state_init(ac_bart_state *self, const ac_bart *bart,
                                           int64_t slots, int64_t steps, int64_t texts,
                                           int64_t tokens);
void ac_bart_state_free(ac_bart_state *self);

/** Cross-attention keys and values of B encoded texts. Shapes: encoded [offsets[B], d_model];
 * offsets [B + 1]. */
void ac_bart_state_fill(ac_bart_state *self, const ac_bart *bart, const float *encoded,
                        const int64_t *offsets, int64_t B, ac_scratch *scratch);

size_t ac_bart_decode_scratch_bytes(const ac_bart *self, const ac_bart_state *state, int64_t R);

/**
 * One step of R lines. Sets ancestry[slot][step] = slot. Shapes: logits [R, vocab_size]; lines
 * [R]. Local. Cannot fail. Lines may be at different steps. The bits do not depend on the
 * number of threads.
 */
void ac_bart_decode(const ac_bart *self, ac_bart_state *state, float *logits,
                    const ac_bart_line *lines, int64_t R, ac_scratch *scratch);

#endif
