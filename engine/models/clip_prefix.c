/* The text tower over a prefix tree. Formulas as in clip.c; the last layer is computed only
 * where a text ends. */
#include "engine/models/clip_prefix.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "engine/models/clip_layers.h"
#include "engine/kernels/kernels.h"

int64_t
ac_clip_pooled_length(const ac_clip_config *c, const int32_t *ids, int64_t n)
{
    return 1 + ac_clip_pooled_position(c, ids, n);
}

static size_t
floats(int64_t n)
{
    return ac_scratch_room((size_t) n * sizeof(float));
}

static float *
take(ac_scratch *scratch, int64_t n)
{
    return ac_scratch_take(scratch, (size_t) n * sizeof(float));
}

/* Bytes of one thread's attention: a node's ancestors, and their weights. */
static size_t
attention_bytes(const ac_clip *self)
{
    return ac_scratch_room((size_t) self->config.max_position_embeddings *
                           (sizeof(int64_t) + sizeof(float)));
}

size_t
ac_clip_prefixes_scratch_bytes(const ac_clip *self, const ac_prefix_tree *tree)
{
    const ac_clip_tower *t = &self->text->tower;
    const int64_t C = t->config.hidden_size, F = t->config.intermediate_size, N = tree->nodes,
                  L = tree->leaves;
    const size_t attention = attention_bytes(self) * (size_t) omp_get_max_threads(),
                 linear = ac_clip_linear_scratch_bytes(t, N);

    return 3 * floats(N * C) + floats(N * (3 * C > F ? 3 * C : F)) + floats(L * C) +
           floats(L * self->config.projection_dim) + (attention > linear ? attention : linear);
}

/* One node, all heads: y [C] from the node's query and its ancestors' keys and values. qkv [N,
 * 3 C]. */
static void
attend(float *y, const float *qkv, const ac_prefix_tree *tree, int64_t node, int64_t H,
       int64_t D, int64_t *path, float *weights)
{
    const int64_t C = H * D, T = tree->depths[node] + 1;
    const float scale = 1.0f / sqrtf((float) D);
    int64_t at = node;

    for (int64_t t = T - 1; t >= 0; t--, at = tree->parents[at])
        path[t] = at;
    for (int64_t h = 0; h < H; h++) {
        const float *q = qkv + node * 3 * C + h * D;
        for (int64_t t = 0; t < T; t++)
            weights[t] = scale * ac_dot(q, qkv + path[t] * 3 * C + C + h * D, D);
        ac_softmax(weights, T);
        memset(y + h * D, 0, (size_t) D * sizeof *y);
        for (int64_t t = 0; t < T; t++)
            ac_axpy(y + h * D, weights[t], qkv + path[t] * 3 * C + 2 * C + h * D, D);
    }
}

/* y [count, C]: attention of nodes[i], or of node i where `nodes` is NULL. A node is one
 * thread's work. */
static void
attend_nodes(const ac_clip *self, float *y, const float *qkv, const ac_prefix_tree *tree,
             const int32_t *nodes, int64_t count, ac_scratch *scratch)
{
    const ac_clip_tower_config *c = &self->config.text;
    const int64_t C = c->hidden_size, H = c->num_attention_heads;
    const size_t mark = ac_scratch_mark(scratch), each = attention_bytes(self);
    char *memory = ac_scratch_take(scratch, each * (size_t) omp_get_max_threads());

#pragma omp parallel for schedule(dynamic, 64)
    for (int64_t i = 0; i < count; i++) {
        int64_t *path = (int64_t *) (void *) (memory + each * (size_t) omp_get_thread_num());
        attend(y + i * C, qkv, tree, nodes ? nodes[i] : i, H, C / H, path,
               (float *) (path + self->config.max_position_embeddings));
    }
    ac_scratch_release(scratch, mark);
}

static void
embed_nodes(const ac_clip *self, float *x, const ac_prefix_tree *tree)
{
    const struct ac_clip_text *t = self->text;
    const int64_t C = self->config.text.hidden_size;

    for (int64_t i = 0; i < tree->nodes; i++) {
        const float *token = t->tokens + tree->tokens[i] * C,
                    *position = t->positions + tree->depths[i] * C;
        AC_CHECK(tree->tokens[i] >= 0 && tree->tokens[i] < self->config.vocab_size &&
                 tree->depths[i] < self->config.max_position_embeddings);
        for (int64_t k = 0; k < C; k++)
            x[i * C + k] = token[k] + position[k];
    }
}

static void
gather_rows(float *y, const float *x, const int32_t *rows, int64_t count, int64_t C)
{
    for (int64_t i = 0; i < count; i++)
        memcpy(y + i * C, x + rows[i] * C, (size_t) C * sizeof *y);
}

/* After attention: out, norm, the two layers of the MLP. x [M, C] becomes the block's output;
 * other, normed, wide are memory. */
static void
finish_block(const ac_clip_block *k, const ac_clip_tower_config *c, float *x, float *other,
             float *normed, float *wide, int64_t M, ac_scratch *scratch)
{
    ac_linear_forward(&k->out, other, normed, M, AC_ACTIVATION_NONE, x, scratch);
    ac_layernorm(normed, other, k->norm2_weight, k->norm2_bias, M, c->hidden_size,
                 c->layer_norm_eps);
    ac_linear_forward(&k->fc1, wide, normed, M, c->hidden_act, NULL, scratch);
    ac_linear_forward(&k->fc2, x, wide, M, AC_ACTIVATION_NONE, other, scratch);
}

void
ac_clip_embed_prefixes(const ac_clip *self, float *y, const ac_prefix_tree *tree,
                       ac_scratch *scratch)
{
    const ac_clip_tower *t = &self->text->tower;
    const ac_clip_tower_config *c = &t->config;
    const int64_t C = c->hidden_size, F = c->intermediate_size, D = self->config.projection_dim,
                  N = tree->nodes, L = tree->leaves;
    const size_t mark = ac_scratch_mark(scratch);
    float *x = take(scratch, N * C), *other = take(scratch, N * C),
          *normed = take(scratch, N * C);
    float *wide = take(scratch, N * (3 * C > F ? 3 * C : F)), *pooled = take(scratch, L * C),
          *unit = take(scratch, L * D);

    embed_nodes(self, x, tree);
    for (int64_t l = 0; l < c->num_hidden_layers; l++) {
        const ac_clip_block *k = &t->blocks[l];
        const bool last = l + 1 == c->num_hidden_layers;
        ac_layernorm(normed, x, k->norm1_weight, k->norm1_bias, N, C, c->layer_norm_eps);
        ac_linear_forward(&k->qkv, wide, normed, N, AC_ACTIVATION_NONE, NULL, scratch);
        attend_nodes(self, normed, wide, tree, last ? tree->ends : NULL, last ? L : N, scratch);
        if (last)
            gather_rows(pooled, x, tree->ends, L, C);
        finish_block(k, c, last ? pooled : x, other, normed, wide, last ? L : N, scratch);
    }
    ac_layernorm(pooled, pooled, t->final_weight, t->final_bias, L, C, c->layer_norm_eps);
    ac_linear_forward(&t->projection, unit, pooled, L, AC_ACTIVATION_NONE, NULL, scratch);
    ac_normalize(unit, unit, L, D);
    gather_rows(y, unit, tree->leaf_of, tree->texts, D);
    ac_scratch_release(scratch, mark);
}
