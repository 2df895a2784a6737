/** Causal models' inside. Private to engine/models. */
#ifndef AC_MODELS_CAUSAL_LAYERS_H
#define AC_MODELS_CAUSAL_LAYERS_H

#include "engine/linear/linear.h"
#include "engine/models/causal.h"

typedef struct ac_causal_norm {
    const float *weight, *bias; /* [n]; bias NULL: root-mean-square normalisation */
} ac_causal_norm;

typedef struct ac_causal_layer {
    ac_linear qkv;  /* [hidden] -> [(heads + 2 key_heads) head_size]: queries, keys, values */
    ac_linear out;  /* [heads head_size] -> [hidden] */
    ac_linear up;   /* [hidden] -> [intermediate], or gate and up [2 intermediate] */
    ac_linear down; /* [intermediate] -> [hidden] */
    ac_causal_norm attention_norm, mlp_norm; /* [hidden]; GPT-J has no mlp_norm */
    ac_causal_norm query_norm, key_norm;     /* [head_size], Qwen3's */
} ac_causal_layer;

struct ac_causal_net {
    ac_tensor tokens;        /* [vocab_size, hidden], a view */
    ac_tensor positions;     /* [max_position_embeddings, hidden], a view; GPT-2 and GPT-Neo */
    ac_causal_layer *layers; /* [layers] */
    ac_causal_norm norm;
    ac_linear head;     /* [hidden] -> [vocab_size] */
    float *frequencies; /* [rotary.dimensions / 2] */
};

/** Llama, Qwen2, Qwen3: RMSNorm, gated MLP. */
static inline bool
ac_causal_is_llama(const ac_causal_config *c)
{
    return c->type >= AC_CAUSAL_LLAMA;
}

/** Attention and MLP both read the one norm, and both are added. */
static inline bool
ac_causal_is_parallel(const ac_causal_config *c)
{
    return c->type == AC_CAUSAL_GPTJ;
}

static inline bool
ac_causal_has_positions(const ac_causal_config *c)
{
    return c->type == AC_CAUSAL_GPT2 || c->type == AC_CAUSAL_GPT_NEO;
}

/** out [rotary.dimensions / 2]: radians per position. divisors NULL: none. */
void ac_causal_frequencies(const ac_rotary *rotary, const float *divisors, float *out);

/** Columns of qkv. */
static inline int64_t
ac_causal_qkv_width(const ac_causal_config *c)
{
    return (c->heads + 2 * c->key_heads) * c->head_size;
}

/** Columns of up: gate and up side by side, or up alone. */
static inline int64_t
ac_causal_up_width(const ac_causal_config *c)
{
    return c->intermediate_size * (ac_causal_is_llama(c) ? 2 : 1);
}

#endif
