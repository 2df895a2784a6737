/**
 * Training BART's layer norms: every parameter whose name contains both "layer_norm" and
 * "encoder" (the encoder's, and the decoder's encoder_attn_layer_norm). Everything else is
 * frozen and gets no gradient. Golden: topic train.
 *
 * Texts of different lengths stand one after the other, without padding. Of the forward pass
 * only what the layer norms' gradients need is saved: per norm its normalised input, per
 * attention the projections (the weights are made again), per feed-forward the input of the
 * activation. Below the lowest trainable norm of a stack nothing is saved, and the
 * backward pass ends there. Logits are made for rows with a target alone, a block of rows at a
 * time, and turned into their gradient at once.
 */
#ifndef AC_TRAINING_BART_TRAIN_H
#define AC_TRAINING_BART_TRAIN_H

#include <stdbool.h>

#include "engine/models/bart.h"
#include "engine/training/dropout.h"

enum { AC_NO_TARGET = -100, AC_PARAMETER_NAME_BYTES = 96 };

/** One trainable tensor [d_model]: elements [offset, offset + d_model) of `values` and of every
 * gradient. */
typedef struct ac_bart_parameter {
    /* Hugging Face's: "model.encoder.layers.0.final_layer_norm.weight" */
    char name[AC_PARAMETER_NAME_BYTES];
    int64_t offset;
} ac_bart_parameter;

/** Starts zeroed. */
typedef struct ac_bart_trainer {
    ac_bart *bart; /* borrowed; its trainable norms are `values`, so it generates with them */
    ac_bart_parameter *parameters; /* [parameter_count], sorted by name (strcmp) */
    int64_t parameter_count, count;
    float *values;  /* [count]: the parameters, fp32 */
    bool recompute; /* save only each layer's input; the backward pass recomputes the rest */
    ac_dropout dropout, attention_dropout, activation_dropout; /* zeroed: off */
    ac_tap tap; /* gradients at the layers' outputs, for the golden tests: "encoder.layer0" */
    struct ac_bart_backward *backward;
    struct ac_bart_activations *activations; /* memory reused between batches */
} ac_bart_trainer;

/** Bytes that the backward pass's weights may use; untouched where the file's serve
 * (linear_transposed.h). */
size_t ac_bart_trainer_packed_bytes(const ac_bart_config *config, const ac_compute *compute);

/**
 * @param[in] bart     made from `tensors` (and layer norms over them); both outlive the
 * trainer. The values start as the model's
 * @param[in] packed   ac_bart_trainer_packed_bytes(), 64-byte aligned, outlives the trainer;
 * `fill` as in ac_linear_init
 */
AC_MUST_CHECK ac_status ac_bart_trainer_init(ac_bart_trainer *self, ac_bart *bart,
                                             const ac_tensors *tensors,
                                             const ac_compute *compute, void *packed,
                                             bool fill);
/** The model's norms point into `values` until it is freed: free the model with the trainer, or
 * no longer use it. */
void ac_bart_trainer_free(ac_bart_trainer *self);

/** Dropout with the model's probabilities, or `probability` in place of each that is not 0
 * where it is not negative. */
void ac_bart_trainer_set_dropout(ac_bart_trainer *self, double probability, uint64_t seed);

/** B items: what the encoder reads, what the decoder reads, and what it should say. */
typedef struct ac_bart_batch {
    int64_t B;
    const int32_t *ids;             /* [offsets[B]] */
    const int64_t *offsets;         /* [B + 1] */
    const int32_t *decoder_ids;     /* [decoder_offsets[B]] */
    const int32_t *labels;          /* [decoder_offsets[B]]; AC_NO_TARGET: none here */
    const int64_t *decoder_offsets; /* [B + 1] */
    const uint64_t *streams; /* [B]: each item's dropout in this step; NULL: no dropout */
} ac_bart_batch;

typedef struct ac_bart_loss {
    double sum; /* of the cross-entropies of all targets */
    int64_t targets;
    size_t bytes; /* of activations and scratch that this call used */
} ac_bart_loss;

/**
 * The loss of a batch, and the gradient of its mean over the targets. Every text has 1 …
 * max_position_embeddings ids, each below vocab_size (checked: a bug of the caller's). The bits
 * do not depend on the number of threads. Local.
 *
 * @param[out] gradient  [count]; NULL: the loss alone, which saves nothing. Zeros where there
 * is no target at all
 * @return AC_E_NOMEM
 */
AC_MUST_CHECK ac_status ac_bart_trainer_run(ac_bart_trainer *self, const ac_bart_batch *batch,
                                            float *gradient, ac_bart_loss *loss);

#endif
