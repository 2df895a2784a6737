/* BART's decoder, a step at a time: self-attention over cached keys and values found through
 * the ancestry, cross-attention over keys and values computed once per encoder input. */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kernels/kernels.h"
#include "engine/models/bart_layers.h"

/* ---- making ---- */

size_t
ac_bart_decoder_packed_bytes(const ac_bart_config *c, const ac_compute *k)
{
    const int64_t C = c->d_model, F = c->decoder_ffn_dim;
    size_t layer = 6 * ac_pack_floats_bytes(C) + ac_linear_packed_bytes(k, 3 * C, C) +
                   ac_linear_packed_bytes(k, 2 * C, C) + 3 * ac_linear_packed_bytes(k, C, C) +
                   ac_linear_packed_bytes(k, F, C) + ac_linear_packed_bytes(k, C, F);

    return ac_bart_embedding_bytes(c) + (size_t) c->decoder_layers * layer +
           ac_linear_packed_bytes(k, c->vocab_size, C);
}

static ac_status
init_head(struct ac_bart_decoder *self, ac_pack *pack, const ac_bart_config *c,
          const ac_bart_layout *layout)
{
    const ac_tensor *weight, *bias = NULL;
    ac_status st = ac_tensors_need(pack->tensors, &weight, layout->head, 2,
                                   (int64_t[]){ c->vocab_size, c->d_model });

    if (st == AC_OK && layout->final_logits_bias)
        st = ac_tensors_need(pack->tensors, &bias, layout->final_logits_bias, 2,
                             (int64_t[]){ 1, c->vocab_size });
    if (st != AC_OK)
        return st;
    return ac_pack_linear(pack, &self->head, &weight, bias ? &bias : NULL, 1);
}

ac_status
ac_bart_init_decoder(struct ac_bart_decoder *self, ac_pack *pack, const ac_bart_config *c,
                     const ac_bart_layout *layout)
{
    static const char *const parts[] = { "q_proj", "k_proj", "v_proj" };
    const int64_t C = c->d_model, F = c->decoder_ffn_dim;
    ac_status st = AC_OK;

    AC_TRY(
        ac_bart_init_embedding(&self->embedding, pack, c, "decoder", layout->decoder_tokens));
    AC_TRY(ac_alloc(&self->layers, c->decoder_layers, sizeof *self->layers));
    for (int64_t l = 0; l < c->decoder_layers; l++) {
        ac_bart_decoder_layer *k = &self->layers[l];
        AC_TRY(ac_bart_init_stacked(&k->qkv, pack, C, "decoder", l, "self_attn", parts, 3));
        AC_TRY(ac_bart_init_linear(&k->out, pack, C, C, "decoder", l, "self_attn.out_proj"));
        AC_TRY(
            ac_bart_init_linear(&k->cross_q, pack, C, C, "decoder", l, "encoder_attn.q_proj"));
        AC_TRY(ac_bart_init_stacked(&k->cross_kv, pack, C, "decoder", l, "encoder_attn",
                                    parts + 1, 2));
        AC_TRY(ac_bart_init_linear(&k->cross_out, pack, C, C, "decoder", l,
                                   "encoder_attn.out_proj"));
        AC_TRY(ac_bart_init_linear(&k->fc1, pack, F, C, "decoder", l, "fc1"));
        AC_TRY(ac_bart_init_linear(&k->fc2, pack, C, F, "decoder", l, "fc2"));
        AC_TRY(ac_bart_init_norm(&k->self_attn_norm, pack, C, "decoder", l,
                                 "self_attn_layer_norm"));
        AC_TRY(ac_bart_init_norm(&k->cross_norm, pack, C, "decoder", l,
                                 "encoder_attn_layer_norm"));
        AC_TRY(ac_bart_init_norm(&k->final_norm, pack, C, "decoder", l, "final_layer_norm"));
    }
    st = init_head(self, pack, c, layout);
out:
    return st;
}

void
ac_bart_free_decoder(struct ac_bart_decoder *self, const ac_bart_config *c)
{
    for (int64_t l = 0; self->layers && l < c->decoder_layers; l++) {
        ac_bart_decoder_layer *k = &self->layers[l];
        ac_linear_free(&k->qkv);
        ac_linear_free(&k->out);
        ac_linear_free(&k->cross_q);
        ac_linear_free(&k->cross_kv);
        ac_linear_free(&k->cross_out);
        ac_linear_free(&k->fc1);
        ac_linear_free(&k->fc2);
    }
    free(self->layers);
    ac_linear_free(&self->head);
}

/* ---- the state: cross-attention's part ---- */

/* Keys and values of the encoder inputs, computed once per input and packed for products. */
typedef struct cross_cache {
    float *packed; /* [decoder_layers, layer]: input by input, head by head, keys then values */
    int64_t layer, *at; /* floats per layer; [inputs + 1]: where an input begins in a layer */
    int64_t *offsets;   /* [inputs + 1]: tokens of an input */
} cross_cache;

static void
free_state(ac_decoder_state *state)
{
    cross_cache *cross = state->own;

    free(cross->packed);
    free(cross->at);
    free(cross->offsets);
    free(cross);
}

static ac_status
init_state(const void *model, ac_decoder_state *state)
{
    const ac_bart *bart = model;
    const ac_decoder_capacity *size = &state->capacity;
    const int64_t C = bart->config.d_model, L = bart->config.decoder_layers,
                  H = bart->config.decoder_attention_heads, D = C / H;
    cross_cache *cross;
    ac_status st = AC_OK;

    AC_TRY(ac_kv_cache_init(&state->cache, L, size->slots, size->positions, C));
    AC_TRY(ac_alloc(&state->own, 1, sizeof *cross));
    cross = state->own;
    cross->layer = H * (ac_attention_keys_size(size->input_tokens, D) +
                        size->inputs * ac_attention_keys_size(1, D) +
                        ac_attention_values_size(size->input_tokens, D));
    AC_TRY(ac_alloc_aligned(&cross->packed, L * cross->layer, sizeof(float)));
    AC_TRY(ac_alloc(&cross->at, size->inputs + 1, sizeof *cross->at));
    AC_TRY(ac_alloc(&cross->offsets, size->inputs + 1, sizeof *cross->offsets));
out:
    return st;
}

/* Cross-attention's keys and values of encoded [offsets[B], C]. */
static void
fill_cross(const ac_bart *bart, cross_cache *cross, const float *encoded,
           const int64_t *offsets, int64_t B, ac_scratch *scratch)
{
    const int64_t C = bart->config.d_model, H = bart->config.decoder_attention_heads, D = C / H;
    const size_t mark = ac_scratch_mark(scratch);
    float *kv = ac_scratch_take(scratch, (size_t) (offsets[B] * 2 * C) * sizeof(float));

    memcpy(cross->offsets, offsets, (size_t) (B + 1) * sizeof *offsets);
    for (int64_t b = 0; b < B; b++) {
        const int64_t n = offsets[b + 1] - offsets[b];
        cross->at[b + 1] =
            cross->at[b] + H * (ac_attention_keys_size(n, D) + ac_attention_values_size(n, D));
    }
    AC_CHECK(cross->at[B] <= cross->layer);
    for (int64_t l = 0; l < bart->config.decoder_layers; l++) {
        ac_linear_forward(&bart->decoder->layers[l].cross_kv, kv, encoded, offsets[B],
                          AC_ACTIVATION_NONE, NULL, scratch);
#pragma omp parallel for collapse(2) if (offsets[B] * C > 65536)
        for (int64_t b = 0; b < B; b++) {
            for (int64_t h = 0; h < H; h++) {
                const int64_t n = offsets[b + 1] - offsets[b];
                const float *from = kv + offsets[b] * 2 * C + h * D;
                float *keys = cross->packed + l * cross->layer + cross->at[b] +
                              h * (cross->at[b + 1] - cross->at[b]) / H;
                ac_attention_pack(keys, keys + ac_attention_keys_size(n, D), from, from + C,
                                  2 * C, n, D);
            }
        }
    }
    ac_scratch_release(scratch, mark);
}

static void
read_inputs(const void *model, ac_decoder_state *state, const ac_decoder_inputs *inputs,
            ac_scratch *scratch)
{
    const ac_bart *bart = model;
    const int64_t B = inputs->count, T = inputs->offsets[B];
    const size_t mark = ac_scratch_mark(scratch);
    float *encoded =
        ac_scratch_take(scratch, (size_t) (T * bart->config.d_model) * sizeof(float));

    ac_bart_encode(bart, encoded, inputs->ids, inputs->offsets, B, scratch);
    fill_cross(bart, state->own, encoded, inputs->offsets, B, scratch);
    ac_scratch_release(scratch, mark);
}

/* ---- a step ---- */

enum { ROWS_TOGETHER = 12 };

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
    const ac_bart *bart = model;
    const ac_bart_config *c = &bart->config;
    const int64_t C = c->d_model, F = c->decoder_ffn_dim, R = size->rows,
                  T = size->input_tokens, M = R > T ? R : T;
    const ac_bart_decoder_layer *k = bart->decoder->layers;
    const ac_linear *all[] = { &bart->decoder->head, &k->qkv,       &k->out, &k->cross_q,
                               &k->cross_kv,         &k->cross_out, &k->fc1, &k->fc2 };
    const size_t cross = (size_t) omp_get_max_threads() *
                             ac_attention_rows_scratch_bytes(c->max_position_embeddings) +
                         ac_scratch_room((size_t) (R + 1) * sizeof(int32_t));
    size_t linear = 0, step, read;

    for (int i = 0; i < (c->decoder_layers ? 8 : 1); i++)
        linear = most(linear, ac_linear_scratch_bytes(all[i], M));
    step = 3 * floats(R * C) + floats(R * (3 * C > F ? 3 * C : F)) +
           most(linear, most(cross, ac_kv_cache_attend_scratch_bytes(size->positions)));
    read = floats(T * C) +
           most(floats(T * 2 * C) + linear, ac_bart_encode_scratch_bytes(bart, 1, T));
    return most(step, read);
}

/* Rows of the same input that stand together are one small product, so that its keys are read
 * once for them. */
static int64_t
find_runs(int32_t *starts, const ac_decoder_row *rows, int64_t R)
{
    int64_t n = 0;

    for (int64_t r = 0; r < R; r++)
        if (r == 0 || rows[r].input != rows[r - 1].input || r - starts[n - 1] == ROWS_TOGETHER)
            starts[n++] = (int32_t) r;
    starts[n] = (int32_t) R;
    return n;
}

static void
cross_attention(const ac_bart *self, const cross_cache *cross, int64_t layer, float *y,
                const float *q, const ac_decoder_row *rows, int64_t R, ac_scratch *scratch)
{
    const int64_t C = self->config.d_model, H = self->config.decoder_attention_heads, D = C / H;
    const size_t mark = ac_scratch_mark(scratch),
                 each = ac_attention_rows_scratch_bytes(self->config.max_position_embeddings);
    char *weights = ac_scratch_take(scratch, each * (size_t) omp_get_max_threads());
    int32_t *starts = ac_scratch_take(scratch, (size_t) (R + 1) * sizeof *starts);
    const int64_t runs = find_runs(starts, rows, R);

#pragma omp parallel for collapse(2) schedule(dynamic, 4) if (R * C > 8192)
    for (int64_t i = 0; i < runs; i++) {
        for (int64_t h = 0; h < H; h++) {
            const int64_t r = starts[i], input = rows[r].input,
                          n = cross->offsets[input + 1] - cross->offsets[input];
            const float *keys = cross->packed + layer * cross->layer + cross->at[input] +
                                h * (cross->at[input + 1] - cross->at[input]) / H;
            ac_attention_rows(y + r * C + h * D, C, q + r * C + h * D, C, starts[i + 1] - r,
                              keys, keys + ac_attention_keys_size(n, D), n, D, -1,
                              weights + each * (size_t) omp_get_thread_num());
        }
    }
    ac_scratch_release(scratch, mark);
}

static void
step(const void *model, ac_decoder_state *state, float *logits, const ac_decoder_row *rows,
     int64_t R, ac_scratch *scratch)
{
    const ac_bart *self = model;
    const ac_bart_config *c = &self->config;
    const struct ac_bart_decoder *d = self->decoder;
    const int64_t C = c->d_model, F = c->decoder_ffn_dim, H = c->decoder_attention_heads,
                  D = C / H;
    const ac_kv_attention attention = { .H = H, .D = D, .scale = 1.0f / sqrtf((float) D) };
    const size_t mark = ac_scratch_mark(scratch);
    float *x = ac_scratch_take(scratch, (size_t) (R * C) * sizeof(float));
    float *a = ac_scratch_take(scratch, (size_t) (R * C) * sizeof(float));
    float *b = ac_scratch_take(scratch, (size_t) (R * C) * sizeof(float));
    float *wide =
        ac_scratch_take(scratch, (size_t) (R * (3 * C > F ? 3 * C : F)) * sizeof(float));
    int64_t wanted;

    for (int64_t r = 0; r < R; r++)
        ac_bart_embed(&d->embedding, x + r * C, rows[r].token, rows[r].position, C);
    ac_layernorm(x, x, d->embedding.norm.weight, d->embedding.norm.bias, R, C,
                 c->layer_norm_eps);
    ac_bart_tap(self, "decoder", -1, "embed", x, R);
    for (int64_t l = 0; l < c->decoder_layers; l++) {
        const ac_bart_decoder_layer *k = &d->layers[l];
        ac_linear_forward(&k->qkv, wide, x, R, AC_ACTIVATION_NONE, NULL, scratch);
        ac_kv_cache_store(&state->cache, l, wide + C, wide + 2 * C, 3 * C, rows, R);
        ac_kv_cache_attend(&state->cache, l, a, wide, 3 * C, &attention, rows, R, scratch);
        ac_linear_forward(&k->out, b, a, R, AC_ACTIVATION_NONE, x, scratch);
        ac_layernorm(b, b, k->self_attn_norm.weight, k->self_attn_norm.bias, R, C,
                     c->layer_norm_eps);
        ac_bart_tap(self, "decoder", l, "self_attn_norm", b, R);
        ac_linear_forward(&k->cross_q, wide, b, R, AC_ACTIVATION_NONE, NULL, scratch);
        cross_attention(self, state->own, l, a, wide, rows, R, scratch);
        ac_linear_forward(&k->cross_out, x, a, R, AC_ACTIVATION_NONE, b, scratch);
        ac_layernorm(x, x, k->cross_norm.weight, k->cross_norm.bias, R, C, c->layer_norm_eps);
        ac_bart_tap(self, "decoder", l, "cross_norm", x, R);
        ac_linear_forward(&k->fc1, wide, x, R, c->activation_function, NULL, scratch);
        ac_linear_forward(&k->fc2, b, wide, R, AC_ACTIVATION_NONE, x, scratch);
        ac_layernorm(x, b, k->final_norm.weight, k->final_norm.bias, R, C, c->layer_norm_eps);
        ac_bart_tap(self, "decoder", l, "", x, R);
    }
    wanted = ac_decoder_gather_wanted(x, C, rows, R);
    if (wanted)
        ac_linear_forward(&d->head, logits, x, wanted, AC_ACTIVATION_NONE, NULL, scratch);
    ac_scratch_release(scratch, mark);
}

ac_decoder
ac_bart_as_decoder(const ac_bart *self)
{
    static const ac_decoder_type type = {
        .name = "BART",
        .state_init = init_state,
        .state_free = free_state,
        .scratch_bytes = scratch_bytes,
        .read_inputs = read_inputs,
        .step = step,
    };

    return (ac_decoder){ .type = &type,
                         .model = self,
                         .vocab_size = self->config.vocab_size,
                         .max_positions = self->config.max_position_embeddings };
}
