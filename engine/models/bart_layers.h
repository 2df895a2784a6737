/** BART's inside, shared by its encoder and decoder. Private to engine/models. */
#ifndef AC_MODELS_BART_LAYERS_H
#define AC_MODELS_BART_LAYERS_H

#include "engine/linear/linear.h"
#include "engine/linear/pack.h"
#include "engine/models/bart.h"
#include "engine/models/bart_layout.h"

typedef struct ac_bart_norm {
    const float *weight, *bias; /* [C] */
} ac_bart_norm;

typedef struct ac_bart_embedding {
    const float *tokens;    /* [vocab_size, C], shared */
    const float *positions; /* [2 + max_position_embeddings, C] */
    ac_bart_norm norm;
    float scale;
} ac_bart_embedding;

typedef struct ac_bart_encoder_layer {
    ac_linear qkv, out, fc1, fc2;
    ac_bart_norm self_attn_norm, final_norm;
} ac_bart_encoder_layer;

struct ac_bart_encoder {
    ac_bart_embedding embedding;
    ac_bart_encoder_layer *layers; /* [encoder_layers] */
};

typedef struct ac_bart_decoder_layer {
    ac_linear qkv, out, cross_q, cross_kv, cross_out, fc1, fc2;
    ac_bart_norm self_attn_norm, cross_norm, final_norm;
} ac_bart_decoder_layer;

struct ac_bart_decoder {
    ac_bart_embedding embedding;
    ac_bart_decoder_layer *layers; /* [decoder_layers] */
    ac_linear head;                /* [vocab_size, C], bias: final_logits_bias */
};

/** "encoder.layer3" and the like for the tap. */
void ac_bart_tap(const ac_bart *self, const char *stack, int64_t layer, const char *what,
                 const float *x, int64_t rows);

/** (token × scale + position) normalised, one row. */
void ac_bart_embed(const ac_bart_embedding *self, float *y, int32_t id, int64_t position,
                   int64_t C);

AC_MUST_CHECK ac_status ac_bart_init_encoder(struct ac_bart_encoder *self, ac_pack *pack,
                                             const ac_bart_config *config,
                                             const ac_bart_layout *layout);
void ac_bart_free_encoder(struct ac_bart_encoder *self, const ac_bart_config *config);
size_t ac_bart_encoder_packed_bytes(const ac_bart_config *config, const ac_compute *compute);

AC_MUST_CHECK ac_status ac_bart_init_decoder(struct ac_bart_decoder *self, ac_pack *pack,
                                             const ac_bart_config *config,
                                             const ac_bart_layout *layout);
void ac_bart_free_decoder(struct ac_bart_decoder *self, const ac_bart_config *config);
size_t ac_bart_decoder_packed_bytes(const ac_bart_config *config, const ac_compute *compute);

AC_MUST_CHECK ac_status ac_bart_init_embedding(ac_bart_embedding *self, ac_pack *pack,
                                               const ac_bart_config *config, const char *stack,
                                               const char *tokens);
size_t ac_bart_embedding_bytes(const ac_bart_config *config);
AC_MUST_CHECK ac_status ac_bart_init_norm(ac_bart_norm *self, ac_pack *pack, int64_t C,
                                          const char *stack, int64_t layer, const char *name);
/** Projections of one attention stacked into one layer: `names` of the parts ("q_proj", …). */
AC_MUST_CHECK ac_status ac_bart_init_stacked(ac_linear *self, ac_pack *pack, int64_t C,
                                             const char *stack, int64_t layer,
                                             const char *attention, const char *const *names,
                                             int parts);
AC_MUST_CHECK ac_status ac_bart_init_linear(ac_linear *self, ac_pack *pack, int64_t out,
                                            int64_t in, const char *stack, int64_t layer,
                                            const char *name);

#endif
