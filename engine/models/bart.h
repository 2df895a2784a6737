/**
 * BART: encoder, and decoder.
 * Formulas: transformers' modeling_bart. Golden: tests/golden, topic bart.
 */
#ifndef AC_MODELS_BART_H
#define AC_MODELS_BART_H

#include <stdbool.h>

#include "engine/base/memory.h"
#include "engine/base/tensor.h"
#include "engine/kernels/activation.h"
#include "engine/linear/compute.h"
#include "engine/models/decoder.h"

typedef struct ac_bart_config {
    int64_t d_model, vocab_size, max_position_embeddings;
    int64_t encoder_layers, encoder_attention_heads, encoder_ffn_dim;
    int64_t decoder_layers, decoder_attention_heads, decoder_ffn_dim;
    ac_activation activation_function;
    bool scale_embedding;
    bool untied;          /* tie_word_embeddings is false: the head is a matrix of its own */
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
 * @param[in] tensors      Hugging Face's names; which layouts of them: bart_layout.h
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

/** BART as generation sees it. Encoder inputs are 1 … max_position_embeddings tokens long. The
 * model outlives the decoder. */
ac_decoder ac_bart_as_decoder(const ac_bart *self);

#endif
