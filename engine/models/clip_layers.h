/** CLIP's inside, shared by its towers and the prefix tree. Private to engine/models. */
#ifndef AC_MODELS_CLIP_LAYERS_H
#define AC_MODELS_CLIP_LAYERS_H

#include "engine/models/clip.h"
#include "engine/linear/linear.h"

typedef struct ac_clip_block {
    const float *norm1_weight, *norm1_bias, *norm2_weight, *norm2_bias; /* [C] */
    ac_linear qkv, out, fc1, fc2;
} ac_clip_block;

typedef struct ac_clip_tower {
    ac_clip_tower_config config;
    ac_clip_block *blocks; /* [layers] */
    const float *final_weight, *final_bias;
    ac_linear projection; /* [projection_dim, C], no bias */
} ac_clip_tower;

struct ac_clip_text {
    ac_clip_tower tower;
    const float *tokens;    /* [vocab_size, C] */
    const float *positions; /* [max_position_embeddings, C] */
};

/** The token whose output stands for the text: ids [n]. */
int64_t ac_clip_pooled_position(const ac_clip_config *config, const int32_t *ids, int64_t n);

/** Bytes that the tower's largest layer needs for T rows. */
size_t ac_clip_linear_scratch_bytes(const ac_clip_tower *self, int64_t T);

#endif
