/* BART's encoder. Post-norm, as the decoder: each sub-layer's output is added to its input,
 * then normalised. */
#include <stdlib.h>

#include "engine/kernels/kernels.h"
#include "engine/models/bart_layers.h"

/* ---- making ---- */

size_t
ac_bart_encoder_packed_bytes(const ac_bart_config *c, const ac_compute *k)
{
    const int64_t C = c->d_model, F = c->encoder_ffn_dim;
    size_t layer = 4 * ac_pack_floats_bytes(C) + ac_linear_packed_bytes(k, 3 * C, C) +
                   ac_linear_packed_bytes(k, C, C) + ac_linear_packed_bytes(k, F, C) +
                   ac_linear_packed_bytes(k, C, F);

    return ac_bart_embedding_bytes(c) + (size_t) c->encoder_layers * layer;
}

ac_status
ac_bart_init_encoder(struct ac_bart_encoder *self, ac_pack *pack, const ac_bart_config *c,
                     const ac_bart_layout *layout)
{
    static const char *const parts[] = { "q_proj", "k_proj", "v_proj" };
    const int64_t C = c->d_model, F = c->encoder_ffn_dim;
    ac_status st = AC_OK;

    AC_TRY(
        ac_bart_init_embedding(&self->embedding, pack, c, "encoder", layout->encoder_tokens));
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

void
ac_bart_free_encoder(struct ac_bart_encoder *self, const ac_bart_config *c)
{
    for (int64_t l = 0; self->layers && l < c->encoder_layers; l++) {
        ac_bart_encoder_layer *k = &self->layers[l];
        ac_linear_free(&k->qkv);
        ac_linear_free(&k->out);
        ac_linear_free(&k->fc1);
        ac_linear_free(&k->fc2);
    }
    free(self->layers);
}

/* ---- encoding ---- */

static size_t
floats(int64_t n)
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
    return 2 * floats(T * C) + floats(T * wide) + (linear > attention ? linear : attention);
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
