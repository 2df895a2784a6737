/**
 * CLIP's two towers, and SigLIP's. Formulas: transformers' modeling_clip and modeling_siglip.
 * Golden: tests/golden, topics clip and clip_variants.
 */
#ifndef AC_MODELS_CLIP_H
#define AC_MODELS_CLIP_H

#include <stdbool.h>

#include "engine/base/memory.h"
#include "engine/base/tensor.h"
#include "engine/kernels/activation.h"
#include "engine/linear/compute.h"

typedef struct ac_clip_tower_config {
    int64_t hidden_size, num_hidden_layers, num_attention_heads, intermediate_size;
    ac_activation hidden_act;
    float layer_norm_eps;
} ac_clip_tower_config;

typedef struct ac_clip_config {
    ac_clip_tower_config vision, text;
    int64_t image_size, patch_size;
    int64_t max_position_embeddings, vocab_size;
    int32_t bos_token_id;
    /* A text is pooled at the first occurrence of eos_token_id, or, where that is 2 (old
     * configs) or pools_highest_id is set (OpenCLIP), at the highest id. */
    int32_t eos_token_id;
    bool pools_highest_id;
    /* SigLIP: no class token, a head that pools by attention in place of the image's
     * projection; texts are padded to max_position_embeddings, not causal, and their last
     * position pools. */
    bool siglip;
    int32_t pad_token_id; /* of SigLIP */
    int64_t projection_dim;
} ac_clip_config;

enum { AC_CLIP_VISION = 1, AC_CLIP_TEXT = 2 };

typedef struct ac_clip {
    ac_clip_config config;
    float logit_scale; /* exp() of the parameter; 1 where the checkpoint has none */
    ac_tap tap;
    struct ac_clip_vision *vision; /* NULL if not asked for */
    struct ac_clip_text *text;
} ac_clip;

size_t ac_clip_packed_bytes(const ac_clip_config *config, const ac_compute *compute,
                            unsigned towers);

/**
 * Make the towers asked for (AC_CLIP_VISION | AC_CLIP_TEXT) from tensors under Hugging Face's
 * names. `tensors` must outlive the model (embeddings may be used in place); `packed`, `fill`
 * as in ac_linear_init.
 */
AC_MUST_CHECK ac_status ac_clip_init(ac_clip *self, const ac_clip_config *config,
                                     const ac_tensors *tensors, const ac_compute *compute,
                                     unsigned towers, void *packed, bool fill);
void ac_clip_free(ac_clip *self);

/** Scratch for B images; for B texts of `tokens` ids in all. */
size_t ac_clip_images_scratch_bytes(const ac_clip *self, int64_t B);
size_t ac_clip_texts_scratch_bytes(const ac_clip *self, int64_t B, int64_t tokens);

/**
 * Shapes: y [B, projection_dim], unit length; pixels [B, 3, image_size, image_size],
 * normalised. Local. Cannot fail.
 */
void ac_clip_embed_images(const ac_clip *self, float *y, const float *pixels, int64_t B,
                          ac_scratch *scratch);

/**
 * Texts of different lengths, no padding (SigLIP pads by itself): text b is ids[offsets[b] ..
 * offsets[b + 1]), start and end token included. Shapes: y [B, projection_dim], unit length;
 * ids [offsets[B]]; offsets [B + 1]. Every length is 1 … max_position_embeddings and every id
 * below vocab_size (checked: a bug of the caller's).
 */
void ac_clip_embed_texts(const ac_clip *self, float *y, const int32_t *ids,
                         const int64_t *offsets, int64_t B, ac_scratch *scratch);

#endif
