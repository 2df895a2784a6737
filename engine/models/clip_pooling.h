/**
 * SigLIP's head of the vision tower: a learnt query attends to all patches, then an MLP.
 * Formulas: transformers' SiglipMultiheadAttentionPoolingHead. Private to engine/models.
 */
#ifndef AC_MODELS_CLIP_POOLING_H
#define AC_MODELS_CLIP_POOLING_H

#include "engine/linear/pack.h"
#include "engine/models/clip.h"

typedef struct ac_clip_pooling {
    const float *probe;                   /* [C] */
    const float *norm_weight, *norm_bias; /* [C] */
    ac_linear query, keys_values;         /* [C, C], [2 C, C] */
    ac_linear out, fc1, fc2;
} ac_clip_pooling;

size_t ac_clip_pooling_packed_bytes(const ac_clip_tower_config *config,
                                    const ac_compute *compute);
AC_MUST_CHECK ac_status ac_clip_pooling_init(ac_clip_pooling *self, ac_pack *pack,
                                             const ac_clip_tower_config *config);
void ac_clip_pooling_free(ac_clip_pooling *self);

size_t ac_clip_pooling_scratch_bytes(const ac_clip_pooling *self,
                                     const ac_clip_tower_config *config, int64_t B, int64_t N);
/** Shapes: y [B, C]; x [B N, C], the N patches of each image. Local. Cannot fail. */
void ac_clip_pooling_forward(const ac_clip_pooling *self, const ac_clip_tower_config *config,
                             float *y, const float *x, int64_t B, int64_t N,
                             ac_scratch *scratch);

#endif
