/* BART: making the layers, and the encoder. Post-norm: each sub-layer's output is added to its
 * input, then normalised. */
#include "engine/models/bart.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/models/bart_layers.h"
#include "engine/kernels/kernels.h"

/* ---- making ---- */

ac_status
ac_bart_init_norm(ac_bart_norm *self, ac_pack *pack, int64_t C, const char *stack,
                  int64_t layer, const char *name)
{
    ac_status st = ac_pack_floats(pack, &self->weight, 1, &C, "%s.layers.%d.%s.weight", stack,
                                  (int) layer, name);

    if (st == AC_OK)
        st = ac_pack_floats(pack, &self->bias, 1, &C, "%s.layers.%d.%s.bias", stack,
                            (int) layer, name);
    return st;
}

ac_status
ac_bart_init_stacked(ac_linear *self, ac_pack *pack, int64_t C, const char *stack,
                     int64_t layer, const char *attention, const char *const *names, int parts)
{
    const ac_tensor *weights[3], *biases[3];
    ac_status st = AC_OK;

    for (int p = 0; p < parts; p++) {
        AC_TRY(ac_pack_tensor(pack, &weights[p], 2, (int64_t[]){ C, C },
                              "%s.layers.%d.%s.%s.weight", stack, (int) layer, attention,
                              names[p]));
        AC_TRY(ac_pack_tensor(pack, &biases[p], 1, &C, "%s.layers.%d.%s.%s.bias", stack,
                              (int) layer, attention, names[p]));
    }
    st = ac_pack_linear(pack, self, weights, biases, parts);
out:
    return st;
}

ac_status
ac_bart_init_linear(ac_linear *self, ac_pack *pack, int64_t out, int64_t in, const char *stack,
                    int64_t layer, const char *name)
{
    return ac_pack_linear_named(pack, self, out, in, true, "%s.layers.%d.%s", stack,
                                (int) layer, name);
}

size_t
ac_bart_embedding_bytes(const ac_bart_config *c)
{
    return ac_pack_floats_bytes(c->vocab_size * c->d_model) +
           ac_pack_floats_bytes((2 + c->max_position_embeddings) * c->d_model) +
           2 * ac_pack_floats_bytes(c->d_model);
}

ac_status
ac_bart_init_embedding(ac_bart_embedding *self, ac_pack *pack, const ac_bart_config *c,
                       const char *stack)
{
    const int64_t C = c->d_model;
    ac_status st = AC_OK;

    self->scale = c->scale_embedding ? sqrtf((float) C) : 1;
    AC_TRY(ac_pack_floats(pack, &self->tokens, 2, (int64_t[]){ c->vocab_size, C },
                          "shared.weight"));
    AC_TRY(ac_pack_floats(pack, &self->positions, 2,
                          (int64_t[]){ 2 + c->max_position_embeddings, C },
                          "%s.embed_positions.weight", stack));
    AC_TRY(ac_pack_floats(pack, &self->norm.weight, 1, &C, "%s.layernorm_embedding.weight",
                          stack));
    AC_TRY(ac_pack_floats(pack, &self->norm.bias, 1, &C, "%s.layernorm_embedding.bias", stack));
out:
    return st;
}

static size_t
encoder_bytes(const ac_bart_config *c, const ac_compute *k)
{
    const int64_t C = c->d_model, F = c->encoder_ffn_dim;
    size_t layer = 4 * ac_pack_floats_bytes(C) + ac_linear_packed_bytes(k, 3 * C, C) +
                   ac_linear_packed_bytes(k, C, C) + ac_linear_packed_bytes(k, F, C) +
                   ac_linear_packed_bytes(k, C, F);

    return ac_bart_embedding_bytes(c) + (size_t) c->encoder_layers * layer;
}

size_t
ac_bart_packed_bytes(const ac_bart_config *c, const ac_compute *k)
{
    return encoder_bytes(c, k) + ac_bart_decoder_packed_bytes(c, k);
}

static ac_status
init_encoder(struct ac_bart_encoder *self, ac_pack *pack, const ac_bart_config *c)
{
    static const char *const parts[] = { "q_proj", "k_proj", "v_proj" };
    const int64_t C = c->d_model, F = c->encoder_ffn_dim;
    ac_status st = AC_OK;

    AC_TRY(ac_bart_init_embedding(&self->embedding, pack, c, "encoder"));
    AC_TRY(ac_alloc(&self->layers, c->encoder_layers, sizeof *self->layers));
    for (int64_t l = 0; l < c->encoder_layers; l++) {
        ac_bart_encoder_layer *k = &self->layers[l];
        AC_TRY(ac_bart_init_stacked(&k->qkv, pack, C, "encoder", l, "self_attn", parts, 3));
        AC_TRY(ac_bart_init_linear(&k->out, pack, C, C, "encoder", l, "self_attn.out_proj"));
        AC_TRY(ac_bart_init_linear(&k->fc1, pack, F, C, "encoder", l, "fc1"));
        AC_TRY(ac_bart_init_linear(&k->fc2, pack, C, F, "encoder", l, "fc2"));
        AC_TRY(ac_bart_init_norm(&k->self_attn_norm, pack, C, "encoder", l,
                                 "self_attn_layer_norm"));
        AC_TRY(ac_bart_init_norm(&k->final_norm, pack, C, "encoder", l, "final_layer_norm"));
    }
out:
    return st;
}

/* Every trained number must have a place: a file for another model is an error, not a silent
 * no-op. */
static ac_status
check_layer_norms(const ac_tensors *layer_norms, const ac_tensors *tensors)
{
    for (int64_t i = 0; i < layer_norms->count; i++) {
        const ac_tensor *t = &layer_norms->items[i], *base;
        const char *name = t->name;
        if (strncmp(name, "model.", 6) == 0 && !ac_tensors_find(tensors, name))
            name += 6;
        base = ac_tensors_find(tensors, name);
        if (!base || !strstr(name, "layer_norm"))
            return ac_error_set(
                AC_E_FORMAT,
                "%s: \"%s\" is not a layer norm of %s: layer norms of another model?",
                layer_norms->source, t->name, tensors->source);
    }
    return AC_OK;
}

ac_status
ac_bart_init(ac_bart *self, const ac_bart_config *config, const ac_tensors *tensors,
             const ac_tensors *layer_norms, const ac_compute *compute, void *packed, bool fill)
{
    ac_pack pack = { .tensors = tensors,
                     .over = layer_norms,
                     .compute = compute,
                     .next = packed,
                     .fill = fill,
                     .prefix =
                         ac_tensors_find(tensors, "model.shared.weight") ? "model." : "" };
    ac_status st = AC_OK;

    *self = (ac_bart){ .config = *config };
    if (layer_norms)
        AC_TRY(check_layer_norms(layer_norms, tensors));
    AC_TRY(ac_alloc(&self->encoder, 1, sizeof *self->encoder));
    AC_TRY(init_encoder(self->encoder, &pack, config));
    AC_TRY(ac_alloc(&self->decoder, 1, sizeof *self->decoder));
    AC_TRY(ac_bart_init_decoder(self->decoder, &pack, config));
    AC_CHECK((size_t) (pack.next - (char *) packed) == ac_bart_packed_bytes(config, compute));
out:
    if (st != AC_OK)
        ac_bart_free(self);
    return st;
}

void
ac_bart_free(ac_bart *self)
{
    if (self->encoder && self->encoder->layers) {
        for (int64_t l = 0; l < self->config.encoder_layers; l++) {
            ac_bart_encoder_layer *k = &self->encoder->layers[l];
            ac_linear_free(&k->qkv);
            ac_linear_free(&k->out);
            ac_linear_free(&k->fc1);
            ac_linear_free(&k->fc2);
        }
        free(self->encoder->layers);
    }
    if (self->decoder)
        ac_bart_free_decoder(self->decoder, &self->config);
    free(self->encoder);
    free(self->decoder);
    *self = (ac_bart){ 0 };
}

/* ---- the encoder ---- */

void
ac_bart_tap(const ac_bart *self, const char *stack, int64_t layer, const char *what,
            const float *x, int64_t rows)
{
    char name[64];

    if (!self->tap.fn)
        return;
    if (layer < 0)
        snprintf(name, sizeof name, "%s.%s", stack, what);
    else
        snprintf(name, sizeof name, "%s.layer%lld%s%s", stack, (long long) layer,
                 *what ? "." : "", what);
    self->tap.fn(self->tap.context, name, x, rows, self->config.d_model);
}

void
ac_bart_embed(const ac_bart_embedding *self, float *y, int32_t id, int64_t position, int64_t C)
{
    const float *token = self->tokens + id * C, *place = self->positions + (2 + position) * C;

    for (int64_t i = 0; i < C; i++)
        y[i] = token[i] * self->scale + place[i];
}

static size_t
room(int64_t n)
{
    return ac_scratch_room((size_t) n * sizeof(float));
}

size_t
ac_bart_encode_scratch_bytes(const ac_bart *self, int64_t B, int64_t T)
{
    const ac_bart_config *c = &self->config;
    const int64_t C = c->d_model, F = c->encoder_ffn_dim, wide = 3 * C > F ? 3 * C : F;
    const ac_bart_encoder_layer *k = self->encoder->layers;
    size_t linear = 0, attention;
    int64_t longest =
        T - B + 1 < c->max_position_embeddings ? T - B + 1 : c->max_position_embeddings;

    for (int i = 0; c->encoder_layers && i < 4; i++) {
        size_t n = ac_linear_scratch_bytes(i == 0   ? &k->qkv
                                           : i == 1 ? &k->out
                                           : i == 2 ? &k->fc1
                                                    : &k->fc2,
                                           T);
        linear = n > linear ? n : linear;
    }
    attention = ac_self_attention_scratch_bytes(longest, C / c->encoder_attention_heads);
    return 2 * room(T * C) + room(T * wide) + (linear > attention ? linear : attention);
}

void
ac_bart_encode(const ac_bart *self, float *y, const int32_t *ids, const int64_t *offsets,
               int64_t B, ac_scratch *scratch)
{
    const ac_bart_config *c = &self->config;
    const struct ac_bart_encoder *e = self->encoder;
    const int64_t C = c->d_model, F = c->encoder_ffn_dim, H = c->encoder_attention_heads,
                  T = offsets[B];
    const size_t mark = ac_scratch_mark(scratch);
    float *a = ac_scratch_take(scratch, (size_t) (T * C) * sizeof(float));
    float *b = ac_scratch_take(scratch, (size_t) (T * C) * sizeof(float));
    float *wide =
        ac_scratch_take(scratch, (size_t) (T * (3 * C > F ? 3 * C : F)) * sizeof(float));

    for (int64_t i = 0; i < B; i++) {
        AC_CHECK(offsets[i + 1] > offsets[i] &&
                 offsets[i + 1] - offsets[i] <= c->max_position_embeddings);
        for (int64_t t = offsets[i]; t < offsets[i + 1]; t++) {
            AC_CHECK(ids[t] >= 0 && ids[t] < c->vocab_size);
            ac_bart_embed(&e->embedding, y + t * C, ids[t], t - offsets[i], C);
        }
    }
    ac_layernorm(y, y, e->embedding.norm.weight, e->embedding.norm.bias, T, C,
                 c->layer_norm_eps);
    ac_bart_tap(self, "encoder", -1, "embed", y, T);
    for (int64_t l = 0; l < c->encoder_layers; l++) {
        const ac_bart_encoder_layer *k = &e->layers[l];
        ac_linear_forward(&k->qkv, wide, y, T, AC_ACTIVATION_NONE, NULL, scratch);
        ac_self_attention(a, wide, offsets, B, H, C / H, false, scratch);
        ac_linear_forward(&k->out, b, a, T, AC_ACTIVATION_NONE, y, scratch);
        ac_layernorm(b, b, k->self_attn_norm.weight, k->self_attn_norm.bias, T, C,
                     c->layer_norm_eps);
        ac_bart_tap(self, "encoder", l, "self_attn_norm", b, T);
        ac_linear_forward(&k->fc1, wide, b, T, c->activation_function, NULL, scratch);
        ac_linear_forward(&k->fc2, y, wide, T, AC_ACTIVATION_NONE, b, scratch);
        ac_layernorm(y, y, k->final_norm.weight, k->final_norm.bias, T, C, c->layer_norm_eps);
        ac_bart_tap(self, "encoder", l, "", y, T);
    }
    ac_scratch_release(scratch, mark);
}
