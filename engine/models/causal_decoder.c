/* Causal models, a step at a time: rows of any sequences, each with its position. */
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kernels/kernels.h"
#include "engine/models/causal_layers.h"

static ac_status
init_state(const void *model, ac_decoder_state *state)
{
    const ac_causal_config *c = &((const ac_causal *) model)->config;

    return ac_kv_cache_init(&state->cache, c->layers, state->capacity.slots,
                            state->capacity.positions, c->key_heads * c->head_size);
}

static size_t
floats(int64_t n)
{
    return ac_scratch_room((size_t) n * sizeof(float));
}

static size_t
most(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t
scratch_bytes(const void *model, const ac_decoder_capacity *size)
{
    const ac_causal *self = model;
    const ac_causal_config *c = &self->config;
    const ac_causal_layer *k = self->net->layers;
    const ac_linear *all[] = { &self->net->head, &k->qkv, &k->out, &k->up, &k->down };
    const int64_t R = size->rows, C = c->hidden_size;
    size_t inside = ac_kv_cache_attend_scratch_bytes(size->positions);

    for (int i = 0; i < (c->layers ? 5 : 1); i++)
        inside = most(inside, ac_linear_scratch_bytes(all[i], R));
    return 3 * floats(R * C) + floats(R * ac_causal_qkv_width(c)) +
           floats(R * ac_causal_up_width(c)) + floats(R * c->heads * c->head_size) +
           floats(R * c->rotary.dimensions) + inside;
}

/* ---- parts of a block ---- */

static void
normalise(const ac_causal_config *c, const ac_causal_norm *norm, float *y, const float *x,
          int64_t R)
{
    if (norm->bias)
        ac_layernorm(y, x, norm->weight, norm->bias, R, c->hidden_size, c->norm_eps);
    else
        ac_rmsnorm(y, x, norm->weight, R, c->hidden_size, c->norm_eps);
}

/* Cosines and sines of the rows' positions: turns [R, dimensions], cosines first. In float as
 * transformers', the function itself in double. */
static void
turn(const ac_causal *self, float *turns, const ac_decoder_row *rows, int64_t R)
{
    const int64_t n = self->config.rotary.dimensions / 2;

    for (int64_t r = 0; r < R; r++)
        for (int64_t i = 0; i < n; i++) {
            const float angle = (float) rows[r].position * self->net->frequencies[i];
            turns[r * 2 * n + i] = (float) cos((double) angle);
            turns[r * 2 * n + n + i] = (float) sin((double) angle);
        }
}

/* One head's x [head_size], in place. */
static void
rotate(const ac_rotary *rotary, float *x, const float *turns)
{
    const int64_t n = rotary->dimensions / 2;
    const float *cosine = turns, *sine = turns + n;

    for (int64_t i = 0; i < n; i++) {
        float *first = &x[rotary->neighbours ? 2 * i : i],
              *second = &x[rotary->neighbours ? 2 * i + 1 : i + n];
        const float a = *first, b = *second;
        *first = a * cosine[i] - b * sine[i];
        *second = b * cosine[i] + a * sine[i];
    }
}

/* Queries and keys of qkv [R, width]: Qwen3's norms, then the rotation. */
static void
place(const ac_causal *self, const ac_causal_layer *k, float *qkv, const float *turns,
      int64_t R)
{
    const ac_causal_config *c = &self->config;
    const int64_t width = ac_causal_qkv_width(c), D = c->head_size;

    if (!c->rotary.dimensions)
        return;
#pragma omp parallel for schedule(static) if (R * width > 65536)
    for (int64_t r = 0; r < R; r++)
        for (int64_t h = 0; h < c->heads + c->key_heads; h++) {
            float *x = qkv + r * width + h * D;
            if (k->query_norm.weight)
                ac_rmsnorm(x, x, h < c->heads ? k->query_norm.weight : k->key_norm.weight, 1, D,
                           c->norm_eps);
            rotate(&c->rotary, x, turns + r * c->rotary.dimensions);
        }
}

/* y [R, hidden] = attention's output before its projection is added: out of qkv of x. */
static void
attend(const ac_causal *self, ac_decoder_state *state, int64_t l, float *y, float *qkv,
       const float *x, const float *turns, const ac_decoder_row *rows, int64_t R,
       ac_scratch *scratch)
{
    const ac_causal_config *c = &self->config;
    const ac_causal_layer *k = &self->net->layers[l];
    const int64_t width = ac_causal_qkv_width(c), A = c->heads * c->head_size,
                  B = c->key_heads * c->head_size;
    const float root = c->unscaled ? 1 : 1.0f / sqrtf((float) c->head_size);
    const ac_kv_attention attention = {
        .H = c->heads,
        .D = c->head_size,
        .scale = c->scale_by_layer ? root / (float) (l + 1) : root,
        .window = l < AC_CAUSAL_MOST_LOCAL && c->local[l] ? c->window : 0,
    };

    ac_linear_forward(&k->qkv, qkv, x, R, AC_ACTIVATION_NONE, NULL, scratch);
    place(self, k, qkv, turns, R);
    ac_kv_cache_store(&state->cache, l, qkv + A, qkv + A + B, width, rows, R);
    ac_kv_cache_attend(&state->cache, l, y, qkv, width, &attention, rows, R, scratch);
}

/* wide [R, 2 F] becomes dense [R, F]: activation(gate) × up. */
static void
gate(float *wide, int64_t R, int64_t F, ac_activation activation)
{
#pragma omp parallel for schedule(static) if (R * F > 65536)
    for (int64_t r = 0; r < R; r++) {
        float *g = wide + r * 2 * F;
        ac_activation_apply(activation, g, F);
        for (int64_t i = 0; i < F; i++)
            g[i] *= g[F + i];
    }
    for (int64_t r = 1; r < R; r++)
        memmove(wide + r * F, wide + r * 2 * F, (size_t) F * sizeof *wide);
}

/* y [R, hidden] = MLP of x, plus the residual. */
static void
mlp(const ac_causal *self, int64_t l, float *y, float *wide, const float *x,
    const float *residual, int64_t R, ac_scratch *scratch)
{
    const ac_causal_config *c = &self->config;
    const ac_causal_layer *k = &self->net->layers[l];
    const bool gated = ac_causal_is_llama(c);

    ac_linear_forward(&k->up, wide, x, R, gated ? AC_ACTIVATION_NONE : c->activation, NULL,
                      scratch);
    if (gated)
        gate(wide, R, c->intermediate_size, c->activation);
    ac_linear_forward(&k->down, y, wide, R, AC_ACTIVATION_NONE, residual, scratch);
}

/* ---- a step ---- */

static void
embed(const ac_causal *self, float *x, float *other, const ac_decoder_row *rows, int64_t R)
{
    const int64_t C = self->config.hidden_size;

    for (int64_t r = 0; r < R; r++) {
        float *y = x + r * C;
        ac_tensor_read(&self->net->tokens, y, rows[r].token * C, C);
        if (!ac_causal_has_positions(&self->config))
            continue;
        ac_tensor_read(&self->net->positions, other, rows[r].position * C, C);
        for (int64_t i = 0; i < C; i++)
            y[i] += other[i];
    }
}

static void
tap(const ac_causal *self, int64_t layer, const float *x, int64_t R)
{
    char name[32];

    if (!self->tap.fn)
        return;
    snprintf(name, sizeof name, "layer%lld", (long long) layer);
    self->tap.fn(self->tap.context, name, x, R, self->config.hidden_size);
}

static void
step(const void *model, ac_decoder_state *state, float *logits, const ac_decoder_row *rows,
     int64_t R, ac_scratch *scratch)
{
    const ac_causal *self = model;
    const ac_causal_config *c = &self->config;
    const int64_t C = c->hidden_size, A = c->heads * c->head_size;
    const size_t mark = ac_scratch_mark(scratch), one = sizeof(float);
    float *x = ac_scratch_take(scratch, (size_t) (R * C) * one);
    float *normal = ac_scratch_take(scratch, (size_t) (R * C) * one);
    float *added = ac_scratch_take(scratch, (size_t) (R * C) * one);
    float *qkv = ac_scratch_take(scratch, (size_t) (R * ac_causal_qkv_width(c)) * one);
    float *wide = ac_scratch_take(scratch, (size_t) (R * ac_causal_up_width(c)) * one);
    float *attended = ac_scratch_take(scratch, (size_t) (R * A) * one);
    float *turns = ac_scratch_take(scratch, (size_t) (R * c->rotary.dimensions) * one);
    int64_t wanted;

    embed(self, x, added, rows, R);
    turn(self, turns, rows, R);
    for (int64_t l = 0; l < c->layers; l++) {
        const ac_causal_layer *k = &self->net->layers[l];
        normalise(c, &k->attention_norm, normal, x, R);
        attend(self, state, l, attended, qkv, normal, turns, rows, R, scratch);
        ac_linear_forward(&k->out, added, attended, R, AC_ACTIVATION_NONE, x, scratch);
        if (!ac_causal_is_parallel(c))
            normalise(c, &k->mlp_norm, normal, added, R);
        mlp(self, l, x, wide, normal, added, R, scratch);
        tap(self, l, x, R);
    }
    wanted = ac_decoder_gather_wanted(x, C, rows, R);
    if (wanted) {
        normalise(c, &self->net->norm, normal, x, wanted);
        ac_linear_forward(&self->net->head, logits, normal, wanted, AC_ACTIVATION_NONE, NULL,
                          scratch);
    }
    ac_scratch_release(scratch, mark);
}

ac_decoder
ac_causal_as_decoder(const ac_causal *self)
{
    static const ac_decoder_type type = {
        .name = "the language model",
        .state_init = init_state,
        .scratch_bytes = scratch_bytes,
        .step = step,
    };

    return (ac_decoder){ .type = &type,
                         .model = self,
                         .vocab_size = self->config.vocab_size,
                         .max_positions = self->config.max_position_embeddings };
}
