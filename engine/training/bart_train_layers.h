/** The trainer's inside, shared by its forward and backward passes. Private to engine/training.
 */
#ifndef AC_TRAINING_BART_TRAIN_LAYERS_H
#define AC_TRAINING_BART_TRAIN_LAYERS_H

#include "engine/training/backward.h"
#include "engine/models/bart_layers.h"
#include "engine/training/bart_train.h"
#include "engine/training/linear_transposed.h"

/** Where a norm's gradient goes: offsets into `values`; -1: this norm is frozen. */
typedef struct ac_norm_slot {
    int64_t weight, bias;
} ac_norm_slot;

typedef struct ac_encoder_backward {
    ac_linear_transposed qkv, out, fc1, fc2; /* layer 0: fc1 and fc2 alone */
    ac_norm_slot self_attn_norm, final_norm;
} ac_encoder_backward;

typedef struct ac_decoder_backward {
    ac_linear_transposed qkv, out, cross_q, cross_kv, cross_out, fc1,
        fc2; /* layer 0: without qkv, out and cross_q */
    ac_norm_slot self_attn_norm, cross_norm, final_norm;
} ac_decoder_backward;

struct ac_bart_backward {
    ac_encoder_backward *encoder; /* [encoder_layers] */
    ac_decoder_backward *decoder; /* [decoder_layers] */
    ac_linear_transposed head;
    double *sums; /* [count]: the gradient while it is summed */
};

/** T encoder rows, N decoder rows of the batch, C = d_model, F = the stack's feed-forward
 * width. */
typedef struct ac_saved_norm {
    float *normal, *rstd; /* [rows, C], [rows]; NULL: not saved */
} ac_saved_norm;

typedef struct ac_saved_encoder {
    float *qkv, *hidden; /* [T, 3 C]; [T, F] before the activation */
    ac_saved_norm self_attn_norm, final_norm;
} ac_saved_encoder;

typedef struct ac_saved_decoder {
    float *qkv, *q, *kv, *hidden; /* [N, 3 C]; cross-attention's [N, C] and [T, 2 C]; [N, F] */
    ac_saved_norm self_attn_norm, cross_norm, final_norm;
} ac_saved_decoder;

struct ac_bart_activations {
    ac_scratch arena, scratch;
    int64_t T, N, longest, longest_decoder;
    bool gradient, recompute;
    ac_saved_encoder *encoder; /* [encoder_layers]; all the same memory where nothing, or only
                                 the input, is saved */
    ac_saved_decoder *decoder; /* [decoder_layers] */
    float **encoder_inputs, **decoder_inputs; /* [layers]: [T, C], [N, C] with recompute */
    int32_t *item, *decoder_item;             /* [T], [N]: a row's item */
    float *encoded;                           /* [T, C] */
    float *x, *g, *a, *b;                     /* [max(T, N), C] */
    float *wide;                              /* [max(T, N), max(3 C, F)] */
    float *d_encoded, *d_encoded_next;        /* [T, C] */
    int32_t *target_rows;                     /* [N]: decoder rows with a target */
    float *logits, *block, *d_block;          /* [AC_LOSS_ROWS, V], [AC_LOSS_ROWS, C] twice */
    double *losses;                           /* [N]: of target_rows */
};

enum { AC_LOSS_ROWS = 128 };

/** The network's dropouts, numbered. */
typedef enum ac_place_kind {
    AC_PLACE_EMBEDDING = 0,
    AC_PLACE_SELF_WEIGHTS,
    AC_PLACE_SELF_OUT,
    AC_PLACE_CROSS_WEIGHTS,
    AC_PLACE_CROSS_OUT,
    AC_PLACE_ACTIVATION,
    AC_PLACE_FFN_OUT
} ac_place_kind;

static inline uint32_t
ac_place(bool decoder, int64_t layer, ac_place_kind kind)
{
    return (uint32_t) decoder << 24 | (uint32_t) layer << 4 | (uint32_t) kind;
}

/** Rows of one stack, as dropout numbers them. */
typedef struct ac_rows {
    int64_t count;
    const int32_t *item;     /* [count] */
    const int64_t *offsets;  /* [B + 1] */
    const uint64_t *streams; /* [B]; NULL: no dropout */
} ac_rows;

/** x [rows, width] in place, through the dropout of a place. */
void ac_train_drop(const ac_dropout *dropout, const ac_rows *rows, float *x, int64_t width,
                   uint32_t place);

/** wide [rows, F] = dropout(activation(hidden)). */
void ac_train_activate(const ac_bart_trainer *self, const ac_rows *rows, float *wide,
                       const float *hidden, int64_t F, uint32_t place);

static inline ac_rows
ac_encoder_rows(const ac_bart_trainer *self, const ac_bart_batch *batch)
{
    return (ac_rows){ self->activations->T, self->activations->item, batch->offsets,
                      batch->streams };
}

static inline ac_rows
ac_decoder_rows(const ac_bart_trainer *self, const ac_bart_batch *batch)
{
    return (ac_rows){ self->activations->N, self->activations->decoder_item,
                      batch->decoder_offsets, batch->streams };
}

/** The layer's attention, as forward and backward describe it. */
ac_attention ac_train_encoder_attention(const ac_bart_trainer *self, const ac_bart_batch *batch,
                                        int64_t layer);
ac_attention ac_train_decoder_attention(const ac_bart_trainer *self, const ac_bart_batch *batch,
                                        int64_t layer);
ac_attention ac_train_cross_attention(const ac_bart_trainer *self, const ac_bart_batch *batch,
                                      int64_t layer);

/** One layer: activations->x is its input and becomes its output; what it saves goes to the
 * layer's saved_… */
void ac_train_encoder_layer(ac_bart_trainer *self, const ac_bart_batch *batch, int64_t layer);
void ac_train_decoder_layer(ac_bart_trainer *self, const ac_bart_batch *batch, int64_t layer);

/** The whole forward pass up to the decoder's last layer, in activations->x. */
void ac_train_forward(ac_bart_trainer *self, const ac_bart_batch *batch);

/** The head: loss->sum and targets; with a gradient, activations->g [N, C] = that of the mean
 * loss. */
void ac_train_head(ac_bart_trainer *self, const ac_bart_batch *batch, ac_bart_loss *loss);

/** From activations->g back to every trainable norm: adds to backward->sums. */
void ac_train_backward(ac_bart_trainer *self, const ac_bart_batch *batch);

#endif
